/** How the kernel slides, and how values become pixels; with the formula of the map's size. */

import { choice, element, field, labeled, numberField, slider, typedNumber } from "./elements.mjs";
import { BORDERS, OPERATIONS, PADDING_RULES } from "./geometry.mjs";
import { RANGES } from "./pixels.mjs";
import { DEFAULTS } from "./session.mjs";
import { TEXTS } from "./texts.mjs";

const MOST_STRIDE = 8; // of the sliders; fields take any number
const MOST_DILATION = 8;
const MOST_PADDING = 16;
const SIDES = ["top", "bottom", "left", "right"];

export class SettingsPanel {
  /**
   * @param {(changes: object) => void} attempt changes settings, or says why it cannot
   */
  constructor(document, session, attempt) {
    this.document = document;
    this.session = session;
    this.operation = choice(document, TEXTS.operation, OPERATIONS, (operation) =>
      attempt({ operation }),
    );
    this.border = choice(document, TEXTS.border, BORDERS, (border) => attempt({ border }));
    this.fill = field(document, TEXTS.fill, (text) => attempt({ fill: typedNumber(text) }), {
      inputmode: "decimal",
    });
    this.fillLabel = labeled(document, TEXTS.fill, this.fill);
    this.padding = choice(document, TEXTS.padding, [...PADDING_RULES, TEXTS.numbers], (word) =>
      attempt({ padding: PADDING_RULES.includes(word) ? word : this.padNumbers() }),
    );
    this.padSlider = slider(document, TEXTS.padding, 0, MOST_PADDING, (padding) =>
      attempt({ padding }),
    );
    this.sides = SIDES.map((side) =>
      numberField(document, `${TEXTS.padding}, ${TEXTS[side]}`, 0, () =>
        attempt({ padding: this.sides.map((input) => Number(input.value)) }),
      ),
    );
    this.stride = pairControls(document, TEXTS.stride, MOST_STRIDE, (stride) =>
      attempt({ stride }),
    );
    this.dilation = pairControls(document, TEXTS.dilation, MOST_DILATION, (dilation) =>
      attempt({ dilation }),
    );
    // An empty field leaves the anchor out.
    const readAnchor = (text) =>
      text.includes(",") ? text.split(",").map(typedNumber) : text.trim() || DEFAULTS.anchor;
    this.anchor = field(
      document,
      TEXTS.anchor,
      (text) => attempt({ anchor: readAnchor(text) }),
      { title: TEXTS.anchorForms, placeholder: TEXTS.anchorForms },
    );
    this.range = choice(document, TEXTS.range, RANGES, (range) => attempt({ range }));
    this.percentile = field(document, TEXTS.percentile, (text) =>
      attempt({ percentile: text.split(",").map(typedNumber) }),
    );
    this.percentileLabel = labeled(document, TEXTS.percentile, this.percentile);
    this.formula = element(document, "p", { class: "formula" });
    const labels = SIDES.map((side, number) => labeled(document, TEXTS[side], this.sides[number]));
    this.root = element(
      document,
      "section",
      { class: "panel settings" },
      element(document, "h2", {}, TEXTS.settings),
      labeled(document, TEXTS.operation, this.operation),
      element(
        document,
        "div",
        { class: "pair", "aria-hidden": "true" },
        element(document, "span"),
        element(document, "span"),
        element(document, "small", {}, TEXTS.rows),
        element(document, "small", {}, TEXTS.columns),
      ),
      this.stride.root,
      this.dilation.root,
      labeled(document, TEXTS.padding, this.padding),
      this.padSlider,
      element(document, "div", { class: "sides" }, ...labels),
      labeled(document, TEXTS.anchor, this.anchor),
      labeled(document, TEXTS.border, this.border),
      this.fillLabel,
      labeled(document, TEXTS.range, this.range),
      this.percentileLabel,
    );
    session.onChange((what) => {
      if (what !== "position" && what !== "work") {
        this.refresh();
      }
    });
  }

  /** Return the present padding in numbers: top, bottom, left, right. */
  padNumbers() {
    return Object.values(this.session.result.geometry.pads);
  }

  refresh() {
    const { settings, result } = this.session;
    const { geometry } = result;
    this.operation.value = settings.operation;
    this.border.value = settings.border;
    this.fill.value = settings.fill;
    this.fillLabel.hidden = settings.border !== "constant";
    this.padding.value = typeof settings.padding === "string" ? settings.padding : TEXTS.numbers;
    const pads = this.padNumbers();
    this.padSlider.value = Math.max(...pads);
    this.sides.forEach((input, number) => {
      input.value = pads[number];
    });
    this.stride.show(geometry.stride);
    this.dilation.show(geometry.dilation);
    this.anchor.value = `${settings.anchor}`;
    this.range.value = settings.range;
    this.percentile.value = settings.percentile.join(",");
    this.percentileLabel.hidden = settings.range !== "percentile";
    const lines = [TEXTS.rows, TEXTS.columns].map((name, axis) =>
      TEXTS.sizeLine(name, {
        n: geometry.inputShape[axis],
        p: geometry.paddedShape[axis] - geometry.inputShape[axis],
        d: geometry.dilation[axis],
        k: geometry.kernel[axis],
        s: geometry.stride[axis],
        out: geometry.outputShape[axis],
      }),
    );
    // A narrow page breaks a line between its parts only.
    this.formula.replaceChildren(
      ...lines.map((parts) =>
        element(
          this.document,
          "span",
          {},
          ...parts.flatMap((part) => [element(this.document, "span", {}, part), " "]),
        ),
      ),
    );
  }
}

/** Make a slider for both axes, and a field for each. */
function pairControls(document, name, most, enter) {
  const both = slider(document, name, 1, most, enter);
  const fields = [TEXTS.rows, TEXTS.columns].map((axis) =>
    numberField(document, `${name}, ${axis}`, 1, () =>
      enter(fields.map((input) => Number(input.value))),
    ),
  );
  const root = element(
    document,
    "div",
    { class: "pair" },
    element(document, "span", {}, name),
    both,
    ...fields,
  );
  return {
    root,
    show(pair) {
      both.value = pair[0];
      fields.forEach((input, axis) => {
        input.value = pair[axis];
      });
    },
  };
}
