/**
 * The layers after the convolution: a text to change them, and a strip of their maps.
 *
 * Over a map, the pointer marks the value's field, what it depends on in the maps before and in the
 * input, and its arithmetic is shown. A click pins the value, arrow keys move it, Escape frees it. Over the input, it marks what
 * the pixel feeds in each map.
 */

import { layerContent } from "./contents.mjs";
import { roundNumber, shortNumber } from "./decimals.mjs";
import { element, labeled, offer } from "./elements.mjs";
import { placesText } from "./explain_text.mjs";
import { extentOf } from "./extent.mjs";
import { sizeText } from "./geometry.mjs";
import { COVER, GridView } from "./grid_view.mjs";
import { shortName } from "./kernels.mjs";
import { FED, fieldMarks, MOVES } from "./maps_view.mjs";
import { TEXTS } from "./texts.mjs";

export class LayersPanel {
  /**
   * @param {(changes: object) => void} attempt changes the layers, or says why it cannot
   * @param {object} maps the view of input and map, whose `showFields` marks fields
   * @param {(value: object | null) => void} explain explains a value, {number, place}
   */
  constructor(document, session, attempt, maps, explain) {
    this.document = document;
    this.session = session;
    this.maps = maps;
    this.explain = explain;
    this.stages = []; // the elements of each layer
    this.place = null; // {number, at}: the value whose field is marked, of the n-th layer
    this.isPinned = false;
    this.hiddenAt = null; // the position of the convolution's map that the quiz asks for
    this.text = element(document, "textarea", {
      rows: 3,
      spellcheck: "false",
      "aria-label": TEXTS.layers,
      placeholder: TEXTS.layersExample,
      onchange: () => attempt({ layers: layerTexts(this.text.value) }),
    });
    this.editor = element(
      document,
      "section",
      { class: "panel" },
      element(document, "h2", {}, TEXTS.layers),
      this.text,
      element(document, "p", { class: "hint" }, TEXTS.layersHint),
    );
    this.strip = element(document, "div", { class: "stages" });
    this.root = element(
      document,
      "section",
      { class: "panel layers" },
      element(document, "h2", {}, TEXTS.layers),
      this.strip,
    );
    maps.onPoint = () => this.draw();
    session.onChange((what) => {
      if (what !== "position" && what !== "work") {
        this.refresh();
      }
    });
  }

  /** The view of the maps that come last. */
  get view() {
    return (this.stages.at(-1) ?? this.maps.map).view;
  }

  refresh() {
    const { layers } = this.session.settings;
    const { stages } = this.session;
    this.text.value = layers.join("\n");
    this.root.hidden = stages.length === 0;
    while (this.stages.length > stages.length) {
      this.stages.pop().root.remove();
    }
    while (this.stages.length < stages.length) {
      this.stages.push(this.stageElements(this.stages.length + 1));
      this.strip.append(this.stages.at(-1).root);
    }
    this.stages.forEach((shown, index) => this.refreshStage(shown, stages[index], index));
    this.place = null;
    this.isPinned = false;
    this.draw();
  }

  /** Make the title, the choice of a map, the canvas and the line of a layer. */
  stageElements(number) {
    const { document } = this;
    const name = element(document, "h3", {});
    const canvas = element(document, "canvas", { class: "grid", tabindex: 0, role: "application" });
    const line = element(document, "p", { class: "place" });
    const choice = element(document, "select", {
      "aria-label": TEXTS.ofMaps,
      onchange: () => this.refresh(),
    });
    const choiceLabel = labeled(document, TEXTS.ofMaps, choice);
    const root = element(
      document,
      "div",
      {},
      element(document, "div", { class: "bar tools" }, name, choiceLabel),
      canvas,
      line,
    );
    const view = new GridView(canvas, {
      hover: (cell) => this.point(number, cell),
      press: (cell) => this.pin(number, cell),
      key: (event) => this.pressed(number, event),
    });
    return { root, name, canvas, line, choice, choiceLabel, view };
  }

  refreshStage({ name, canvas, choice, choiceLabel, view }, { layer, map }, index) {
    const [rows, columns, count] = map.shape;
    name.textContent = `${index + 2}. ${shortName(layer.label)}: ${sizeText([rows, columns])}`;
    canvas.setAttribute("aria-label", TEXTS.gridLabel(layer.label, sizeText([rows, columns])));
    const before = Math.min(Number(choice.value), count - 1);
    offer(
      choice,
      Array.from({ length: count }, (_, number) => [number + 1, number]),
    );
    choice.value = before;
    choiceLabel.hidden = count === 1;
    const decimals = () => this.session.decimals(index + 1);
    view.setContent(layerContent(map, Number(choice.value), decimals));
  }

  /** Mark the field of a value, or what the pixel under the pointer feeds. */
  draw() {
    const { place, session, maps } = this;
    let fields = [];
    let value = null;
    const fed = maps.pointedPixel && session.fed(maps.pointedPixel, maps.shownChannels);
    const hidden = this.hiddenAt && session.dependents(this.hiddenAt);
    if (place !== null) {
      const [row, column] = place.at;
      const channels = [Number(this.stages[place.number - 1].choice.value)];
      fields = session.fields(place.number, { rows: [row], columns: [column], channels });
      value = { number: place.number, place: [row, column, ...channels] };
    }
    this.stages.forEach(({ view, line, choice }, index) => {
      const field = fields[index + 2];
      const marks = field === undefined ? [] : fieldMarks(field);
      if (fed) {
        marks.push(...fieldMarks(ofMap(fed[index], Number(choice.value)), undefined, FED));
      }
      view.setMarks(marks);
      const covered = hidden && ofMap(hidden[index], Number(choice.value));
      if (covered) {
        marks.push(...fieldMarks(covered, undefined, { color: COVER, fill: COVER }));
      }
      const isOwn = place?.number === index + 1;
      line.ariaLive = isOwn && this.isPinned ? "polite" : "off";
      line.textContent = isOwn
        ? this.valueText(view, fields[0], covered)
        : fed
          ? TEXTS.feeds(countOf(ofMap(fed[index], Number(choice.value))))
          : hidden
            ? ""
            : TEXTS.ends(...this.endsOf(index));
    });
    this.maps.showFields(fields);
    this.explain(value);
  }

  /** Cover all that a value of the convolution's map feeds while the quiz asks for it; or show it. */
  hideOutput(isHidden) {
    const at = isHidden ? this.session.settings.at : null;
    if (`${at}` !== `${this.hiddenAt}`) {
      this.hiddenAt = at;
      this.draw();
    }
  }

  endsOf(index) {
    const decimals = this.session.decimals(index + 1);
    const { ends } = extentOf(this.session.stages[index].map.values);
    return ends.map((number) => shortNumber(roundNumber(number, decimals)));
  }

  valueText(view, region, covered) {
    const { at } = this.place;
    const isEmpty = region.rows.length === 0 || region.columns.length === 0;
    const field = isEmpty ? "" : `\n${TEXTS.field(placesText(region))}`;
    const pinned = this.isPinned ? ` (${TEXTS.pinned})` : "";
    const isCovered = covered?.rows.includes(at[0]) && covered.columns.includes(at[1]);
    const value = isCovered ? "?" : view.content.line(...at);
    return `${TEXTS.place(...at)}: ${value}${pinned}${field}`;
  }

  point(number, cell) {
    if (!this.isPinned) {
      this.place = cell && { number, at: cell };
      this.draw();
    }
  }

  pin(number, at) {
    this.isPinned = true;
    this.place = { number, at };
    this.draw();
  }

  pressed(number, { key }) {
    const own = this.place?.number === number ? this.place.at : [0, 0];
    if (key in MOVES) {
      const { view } = this.stages[number - 1];
      const next = own.map((place, axis) =>
        Math.min(Math.max(place + MOVES[key][axis], 0), view.content.shape[axis] - 1),
      );
      this.pin(number, next);
      view.reveal(next);
    } else if (key === "Enter") {
      this.pin(number, own);
    } else if (key === "Escape") {
      this.isPinned = false;
      this.point(number, null);
    } else {
      return false;
    }
    return true;
  }
}

/** Return a region, which is empty for a map that it does not have. */
function ofMap(region, map) {
  return region.channels.includes(map) ? region : { rows: [], columns: [] };
}

function countOf({ rows, columns }) {
  return rows.length * columns.length;
}

function layerTexts(text) {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
}
