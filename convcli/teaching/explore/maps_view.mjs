/**
 * Input and feature map side by side, and the position that is explained.
 *
 * The pointer moves the position over the map; a click pins it, arrow keys move it, Escape frees
 * it. Over the input, the outputs that a pixel feeds are marked.
 */

import { inputContent, isColor, mapContent } from "./contents.mjs";
import { formatNumber, roundNumber, shortNumber } from "./decimals.mjs";
import { choice, element, field, labeled, offer, typedNumber } from "./elements.mjs";
import { extentOf } from "./extent.mjs";
import {
  borderAt,
  convGeometry,
  isInImage,
  OUTSIDE,
  outputsFedBy,
  placesHolding,
  runsOf,
  sizeText,
  windowStart,
} from "./geometry.mjs";
import { COVER, GridView } from "./grid_view.mjs";
import { drawHistogram, histogramOf } from "./histogram.mjs";
import { painted } from "./inputs.mjs";
import { TEXTS } from "./texts.mjs";

const WINDOW = "#d9480f";
export const FED = { color: "#7c3aed", fill: "rgba(124, 58, 237, 0.35)" };
const FIELD = { color: "#0b7d62", fill: "rgba(11, 125, 98, 0.18)" };
const MAGNIFIED = 2; // a magnifier's cell, in sizes of the text
const MAGNIFIED_COLOR = 2.8; // with three numbers
const NEEDS_NO_MAGNIFIER = 24; // pixels of a cell of the whole
const MAX_MARKED = 1000; // outputs, or pixels of a dilated window
export const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

export class MapsView {
  /**
   * @param {(changes: object) => void} attempt changes the input, or says why it cannot
   */
  constructor(document, session, attempt) {
    this.document = document;
    this.session = session;
    this.attempt = attempt;
    this.isPinned = false;
    this.isRunning = false; // the map is shown up to the explained position only
    this.hidesOutput = false; // while the quiz asks for it
    this.pointedPixel = null; // of the input, in unpadded rows and columns
    this.fields = []; // of a layer's value: in the input without padding, and in the map
    this.onPoint = () => {}; // is called when the pointer moves over the input
    const key = (event) => this.pressed(event);
    this.input = this.panel(TEXTS.input, {
      hover: (cell) => this.overInput(cell),
      paint: (cell) => this.paint(cell),
      key: (event) => this.pressedOnInput(event) || this.pressed(event),
    });
    this.brush = element(document, "input", {
      type: "checkbox",
      onchange: () => this.input.root.classList.toggle("painting", this.brush.checked),
    });
    this.ink = field(document, TEXTS.paintValue, () => {}, { inputmode: "decimal", value: "0" });
    this.input.tools.append(labeled(document, TEXTS.paint, this.brush), this.ink);
    this.map = this.panel(TEXTS.map, {
      hover: (cell) => this.overMap(cell),
      press: (cell) => this.pin(cell),
      key,
    });
    this.kind = choice(document, TEXTS.show, [TEXTS.pixels, TEXTS.values], () => this.refresh());
    this.clipped = element(document, "input", { type: "checkbox", onchange: () => this.refresh() });
    this.results = element(document, "select", {
      "aria-label": TEXTS.filter,
      onchange: () => session.choose(Number(this.results.value)),
    });
    this.resultLabel = labeled(document, TEXTS.filter, this.results);
    this.map.tools.append(
      this.resultLabel,
      labeled(document, TEXTS.show, this.kind),
      labeled(document, TEXTS.markClipped, this.clipped),
    );
    this.stats = element(document, "p", { class: "stats" });
    this.histogram = element(document, "canvas", {
      class: "histogram",
      width: 384,
      height: 64,
      role: "img",
      "aria-label": TEXTS.histogram,
    });
    this.ends = [element(document, "span"), element(document, "span")]; // below the histogram
    const ends = element(document, "div", { class: "ends", "aria-hidden": "true" }, ...this.ends);
    const figure = element(document, "div", {}, this.histogram, ends);
    this.map.root.append(element(document, "div", { class: "values" }, this.stats, figure));
    this.root = element(document, "div", { class: "maps" }, this.input.root, this.map.root);
    session.onChange((what) => this.changed(what));
  }

  /** Make a canvas with its title, tools, magnifier and a line about what the pointer is over. */
  panel(title, actions) {
    const { document } = this;
    const name = element(document, "h2", {}, title);
    const canvas = element(document, "canvas", { class: "grid", tabindex: 0, role: "application" });
    const lens = element(document, "canvas", { class: "lens", "aria-hidden": "true" });
    const place = element(document, "p", { class: "place" });
    const channel = element(document, "select", {
      "aria-label": TEXTS.channel,
      onchange: () => this.refresh(),
    });
    const channelLabel = labeled(document, TEXTS.channel, channel);
    const tools = element(document, "div", { class: "tools" }, channelLabel);
    const root = element(
      document,
      "section",
      { class: "panel" },
      element(document, "div", { class: "bar" }, name, tools),
      canvas,
      place,
      lens,
    );
    const view = new GridView(canvas, actions);
    const magnifier = new GridView(lens, {});
    return {
      title,
      root,
      name,
      tools,
      canvas,
      place,
      channel,
      channelLabel,
      view,
      lens,
      magnifier,
    };
  }

  changed(what) {
    if (what === "position") {
      this.drawMarks();
    } else if (what !== "work") {
      this.refresh();
    }
  }

  /** Paint input and map again. */
  refresh() {
    const { session, input, map } = this;
    const { shape } = session.result.map;
    const { input: source, settings } = session;
    const showsValues = this.kind.value === TEXTS.values;
    const mapMax = showsValues || settings.range === "raw" ? null : source.maxValue;
    this.offerChannels(input, source.shape[2], source.channels, source.maxValue);
    this.offerChannels(map, shape[2], source.channels, mapMax);
    this.offerResults();
    const { pads, paddedShape } = session.result.geometry;
    const isInside = (place, axis) => {
      const cell = place + [pads.top, pads.left][axis];
      return cell >= 0 && cell < paddedShape[axis];
    };
    if (!this.pointedPixel?.every(isInside)) {
      this.pointedPixel = null;
    }
    const sizes = [source.shape, shape].map((each) => sizeText(each.slice(0, 2)));
    for (const [number, panel] of [input, map].entries()) {
      panel.name.textContent = `${panel.title} ${sizes[number]}`;
      const keys = panel === input ? ` ${TEXTS.inputKeys}` : "";
      panel.canvas.setAttribute("aria-label", TEXTS.gridLabel(panel.title, sizes[number]) + keys);
    }
    this.refreshInput();
    map.view.setContent(
      mapContent(session, {
        channel: chosenChannel(map),
        showsValues,
        marksClipped: this.clipped.checked,
      }),
    );
    for (const { view, lens, magnifier } of [input, map]) {
      lens.hidden = view.leastScale >= NEEDS_NO_MAGNIFIER;
      magnifier.mirror(view);
    }
    this.writeStats();
    this.drawMarks();
  }

  /** Paint the input again if what it shows has changed: its padding, its channel. */
  refreshInput() {
    const { session } = this;
    const { border, fill } = session.conv;
    const channel = chosenChannel(this.input);
    const looks = [
      session.input,
      border,
      fill,
      channel,
      ...Object.values(session.result.geometry.pads),
    ];
    if (!looks.every((part, number) => part === this.inputLooks?.[number])) {
      this.inputLooks = looks;
      this.input.view.setContent(inputContent(session, channel));
    }
  }

  offerChannels({ channel, channelLabel }, count, names, maxValue) {
    const color = isColor(count, maxValue) ? [[TEXTS.color, ""]] : [];
    const options = [...color, ...Array.from({ length: count }, (_, n) => [names[n], `${n}`])];
    const before = channel.value;
    offer(channel, options);
    channel.value = options.some(([, value]) => value === before) ? before : options[0][1];
    channelLabel.hidden = count === 1;
  }

  offerResults() {
    const { results } = this.session;
    this.resultLabel.hidden = results.length === 1;
    offer(
      this.results,
      results.map(({ label }, number) => [label, number]),
    );
    this.results.value = this.session.shown;
  }

  writeStats() {
    const { map, unclipped } = this.session.result;
    const { ends } = extentOf(map.values);
    const histogram = histogramOf(map.values, unclipped);
    this.counts = histogram;
    // At the next frame: to ask for the colors of the style costs 1 ms while texts still change.
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      drawHistogram(this.histogram, this.counts);
    });
    const texts = ends.map((number) => shortNumber(roundNumber(number, this.session.decimals(0))));
    this.ends.forEach((end, number) => {
      end.textContent = texts[number];
    });
    this.stats.textContent = TEXTS.stats(
      ...texts,
      `${formatNumber(roundNumber((100 * histogram.count) / map.values.length, 2))} %`,
    );
  }

  /** Mark the window, the output, and what the pixel under the pointer feeds. */
  drawMarks() {
    const { session, input, map } = this;
    const { at } = session.settings;
    const { pads, outputShape } = session.result.geometry;
    const windows = this.windows(at, pads);
    const width = this.isPinned ? 3 : 2;
    const fill = this.hidesOutput ? COVER : null;
    const output = { row: at[0], column: at[1], color: WINDOW, width, fill };
    const inputMarks = windows.map((mark) => ({ ...mark, color: WINDOW, width }));
    const mapMarks = [output];
    if (this.pointedPixel !== null) {
      const [row, column] = this.pointedPixel;
      inputMarks.push({ row: row + pads.top, column: column + pads.left, color: FED.color });
      const [rows, columns] = placesHolding(
        session.result.geometry,
        this.pointedPixel,
        session.conv.border,
      );
      inputMarks.push(
        ...fieldMarks({ rows, columns }, pads, { color: FED.color, width: 1 }),
      );
      const fed = this.fedOutputs().slice(0, MAX_MARKED);
      mapMarks.push(
        ...fed.map(([y, x]) => ({ row: y, column: x, width: 1, ...FED })),
      );
    }
    if (this.fields.length > 0) {
      inputMarks.push(...fieldMarks(this.fields[0], pads));
      mapMarks.push(...fieldMarks(this.fields[1]));
    }
    const [first] = windows;
    const middle = [
      first.row + Math.floor((first.rows - 1) / 2),
      first.column + Math.floor((first.columns - 1) / 2),
    ];
    for (const [panel, marks, cell] of [
      [input, inputMarks, middle],
      [map, mapMarks, at],
    ]) {
      panel.view.setMarks(marks);
      panel.magnifier.setMarks(marks);
      const isColored = chosenChannel(panel) === null;
      panel.lens.classList.toggle("colored", isColored);
      const scale = isColored ? MAGNIFIED_COLOR : MAGNIFIED;
      panel.magnifier.center(cell, scale * panel.magnifier.textSize);
    }
    const shown = this.isRunning ? at[0] * outputShape[1] + at[1] + 1 : Infinity;
    map.view.showFirst(shown);
    map.magnifier.showFirst(shown);
    this.root.classList.toggle("pinned", this.isPinned);
    input.place.textContent = this.pointedPixel === null ? "" : this.pointedText();
    const value = this.hidesOutput ? "?" : map.view.content.line(...at);
    map.place.textContent =
      `${TEXTS.place(...at)}: ${value}` + (this.isPinned ? ` (${TEXTS.pinned})` : "");
  }

  /** The channels of the input that are shown. */
  get shownChannels() {
    const channel = chosenChannel(this.input);
    return channel === null ? [0, 1, 2] : [channel];
  }

  /** Mark what a value of a layer depends on, in the input and in the map; nothing if empty. */
  showFields(fields) {
    const isChange = fields.length + this.fields.length > 0;
    this.fields = fields;
    if (isChange) {
      this.drawMarks();
    }
  }

  /** Return the windows of each kernel of the shown map. */
  geometries() {
    const { result, input, conv } = this.session;
    return result.kernels.map(({ shape }) => convGeometry(input.shape.slice(0, 2), shape, conv));
  }

  /** Return the outputs that the pointed pixel feeds by any of the kernels. */
  fedOutputs() {
    const { border } = this.session.conv;
    const fed = this.geometries().flatMap((each) => outputsFedBy(each, this.pointedPixel, border));
    return [...new Map(fed.map((output) => [`${output}`, output])).values()];
  }

  /** Return the windows of an output as marks of the padded input, and the taps of dilated ones. */
  windows(at, pads) {
    const marks = [];
    for (const geometry of this.geometries()) {
      const { kernel } = geometry;
      const [row, column] = windowStart(geometry, at);
      const [rows, columns] = geometry.extent;
      marks.push({ row: row + pads.top, column: column + pads.left, rows, columns });
      const [down, across] = geometry.dilation;
      const taps = kernel[0] * kernel[1];
      if (down * across > 1 && taps <= MAX_MARKED) {
        for (let tap = 0; tap < taps; tap++) {
          const [tapRow, tapColumn] = [Math.floor(tap / kernel[1]), tap % kernel[1]];
          const place = {
            row: row + pads.top + tapRow * down,
            column: column + pads.left + tapColumn * across,
          };
          marks.push({ ...place, rows: 1, columns: 1, fill: "rgba(217, 72, 15, 0.3)" });
        }
      }
    }
    return marks;
  }

  overMap(cell) {
    if (cell !== null && !this.isPinned) {
      this.session.moveTo(cell);
    }
  }

  /** Point at a cell of the padded input, or at none; `isSpoken` for keys, which nobody sees. */
  overInput(cell, isSpoken = false) {
    const { pads } = this.session.result.geometry;
    this.input.place.ariaLive = isSpoken ? "polite" : "off";
    this.pointedPixel = cell && [cell[0] - pads.top, cell[1] - pads.left];
    this.drawMarks();
    this.onPoint();
  }

  /** Say where the pointed pixel is, what it holds, and what it feeds. */
  pointedText() {
    const { session, input } = this;
    const { geometry } = session.result;
    const { pads, inputShape } = geometry;
    const [row, column] = this.pointedPixel;
    const isPadding = !isInImage(this.pointedPixel, inputShape);
    const text = input.view.content.line(row + pads.top, column + pads.left);
    const source = [row, column].map((place, axis) =>
      borderAt(place, inputShape[axis], session.conv.border),
    );
    const copied = source.includes(OUTSIDE) ? TEXTS.fills(text) : TEXTS.copies(...source);
    const facts = [text, ...(isPadding ? [copied] : []), TEXTS.feeds(this.fedOutputs().length)];
    return `${TEXTS.place(row, column)}: ${facts.join("; ")}`;
  }

  /** Give the pixel of a cell the value of the brush, if painting is on; return whether it is. */
  paint(cell) {
    if (!this.brush.checked || cell === null) {
      return this.brush.checked;
    }
    const value = typedNumber(this.ink.value);
    const { pads, inputShape } = this.session.result.geometry;
    const pixel = [cell[0] - pads.top, cell[1] - pads.left];
    if (isInImage(pixel, inputShape)) {
      this.attempt(() => ({ input: painted(this.session.input, pixel, value) }));
    }
    return true;
  }

  /** Explain a position of the map until another is pinned or this one is freed. */
  pin(cell) {
    this.isPinned = true;
    this.isRunning = false;
    this.session.moveTo(cell);
  }

  /** Explain a position, and show the map up to it. */
  run(cell) {
    this.isPinned = true;
    this.isRunning = true;
    this.session.moveTo(cell);
    this.map.view.reveal(cell);
  }

  /** Cover the explained value, or show it. */
  hideOutput(isHidden) {
    if (isHidden !== this.hidesOutput) {
      this.hidesOutput = isHidden;
      this.drawMarks();
    }
  }

  /** Show the whole map, and let the pointer choose the position again. */
  free() {
    this.isPinned = false;
    this.isRunning = false;
    this.pointedPixel = null;
    this.session.moveTo(this.session.settings.at);
  }

  /** Point at a pixel with Shift and arrow keys, from the explained window on; paint it by Space. */
  pressedOnInput({ key, shiftKey }) {
    const { geometry } = this.session.result;
    const { pads, anchor, paddedShape } = geometry;
    const offsets = [pads.top, pads.left];
    if (key === " ") {
      return this.paint(this.pointedPixel?.map((place, axis) => place + offsets[axis]) ?? null);
    }
    if (!shiftKey || !(key in MOVES)) {
      return false;
    }
    const start = windowStart(geometry, this.session.settings.at);
    const from = this.pointedPixel ?? start.map((place, axis) => place + anchor[axis]);
    const cell = from.map((place, axis) =>
      Math.min(Math.max(place + offsets[axis] + MOVES[key][axis], 0), paddedShape[axis] - 1),
    );
    this.overInput(cell, true);
    this.input.view.reveal(cell);
    return true;
  }

  pressed({ key }) {
    const { at } = this.session.settings;
    if (key in MOVES) {
      const { outputShape } = this.session.result.geometry;
      const next = at.map((place, axis) =>
        Math.min(Math.max(place + MOVES[key][axis], 0), outputShape[axis] - 1),
      );
      this.pin(next);
      this.map.view.reveal(next);
      const [{ row, column }] = this.windows(next, this.session.result.geometry.pads);
      this.input.view.reveal([Math.max(row, 0), Math.max(column, 0)]);
    } else if (key === "Enter") {
      this.pin(at);
    } else if (key === "Escape") {
      this.free();
    } else {
      return false;
    }
    return true;
  }
}

/** Return marks of the rows and columns of a region, or of what encloses them if they are many. */
export function fieldMarks({ rows, columns }, { top, left } = { top: 0, left: 0 }, looks = FIELD) {
  let runs = [rows, columns].map(runsOf);
  if (runs[0].length * runs[1].length > MAX_MARKED) {
    runs = runs.map((each) => [[each[0][0], each.at(-1)[1]]]);
  }
  return runs[0].flatMap(([firstRow, lastRow]) =>
    runs[1].map(([firstColumn, lastColumn]) => ({
      row: firstRow + top,
      column: firstColumn + left,
      rows: lastRow - firstRow + 1,
      columns: lastColumn - firstColumn + 1,
      ...looks,
    })),
  );
}

function chosenChannel({ channel }) {
  return channel.value === "" ? null : Number(channel.value);
}
