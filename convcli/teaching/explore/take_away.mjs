/** What a person takes along: the command, the map as PNG or CSV, the state, a printed page. */

import { colorOf, grayLevels } from "./colors.mjs";
import { commandText, readState, stateText } from "./command.mjs";
import { formatNumber, roundNumber } from "./decimals.mjs";
import { button, copyButton, element, field, labeled } from "./elements.mjs";
import { UNNAMED_INPUT } from "./inputs.mjs";
import { TEXTS } from "./texts.mjs";

export class TakeAway {
  /**
   * @param {{attempt: Function, last: object, remember: (state: string) => void}} page `attempt`
   *   changes settings, `last` has the view of the last map, `remember` keeps a state for the next
   *   visit
   */
  constructor(document, session, { attempt, last, remember }) {
    this.document = document;
    this.session = session;
    this.last = last;
    this.command = field(document, TEXTS.command, () => {}, { readonly: true, class: "code" });
    this.state = field(document, TEXTS.state, (text) => attempt(() => readState(text)), {
      class: "code",
    });
    this.unnamed = element(document, "p", { class: "hint" }, TEXTS.unnamedHint);
    this.decoded = element(document, "p", { class: "hint" }, TEXTS.decodedHint);
    this.png = element(document, "p", { class: "hint" });
    this.root = element(
      document,
      "section",
      { class: "panel away" },
      element(document, "h2", {}, TEXTS.takeAway),
      this.copied(TEXTS.command, this.command),
      this.unnamed,
      this.decoded,
      this.copied(TEXTS.state, this.state),
      element(document, "p", { class: "hint" }, TEXTS.stateHint),
      element(
        document,
        "div",
        { class: "buttons" },
        button(document, TEXTS.savePng, () => this.savePng()),
        button(document, TEXTS.saveCsv, () => this.save("map.csv", new Blob([csvText(session)]))),
        button(document, TEXTS.print, () => document.defaultView.print()),
      ),
      this.png,
    );
    session.onChange((what) => {
      if (what !== "work") {
        this.command.value = commandText(session);
        const { words, isDecoded } = session.input;
        this.unnamed.hidden = `${words}` !== `${UNNAMED_INPUT}`;
        this.decoded.hidden = !isDecoded || !this.unnamed.hidden;
        this.png.textContent = pngHint(session);
        this.png.hidden = this.png.textContent === "";
        this.state.value = stateText(session);
        remember(this.state.value);
      }
    });
  }

  /** Make a field with a button that copies its text. */
  copied(text, input) {
    return element(
      this.document,
      "div",
      { class: "copied" },
      labeled(this.document, text, input),
      copyButton(this.document, input, TEXTS),
    );
  }

  savePng() {
    const take = (blob) => this.save("map.png", blob);
    if (hasPng(this.session)) {
      pngCanvas(this.document, this.session).toBlob(take);
    } else {
      this.last.view.toBlob(take);
    }
  }

  save(name, blob) {
    const href = URL.createObjectURL(blob);
    element(this.document, "a", { href, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(href), 10000);
  }
}

/** Return whether `-o map.png` of the command holds what comes last. */
function hasPng({ last: { map }, settings }) {
  return settings.range !== "raw" && [1, 3].includes(map.shape[2]);
}

/** Draw the pixels that come last as `-o map.png` of the command has them, but in 8 bits. */
function pngCanvas(document, session) {
  const { map, extremes } = session.last;
  const [height, width, channels] = map.shape;
  // Plain numbers are rounded and clipped to 8 bits; the ranges that scale them give 0 to 1.
  const white = session.input.maxValue ?? (extremes === null ? 255 : 1);
  const levels = grayLevels(session.pixelsOf(session.last), 0, white);
  const [green, blue] = channels === 3 ? [1, 2] : [0, 0];
  const colors = Uint32Array.from({ length: width * height }, (_, place) => {
    const at = place * channels;
    return colorOf(levels[at], levels[at + green], levels[at + blue]);
  });
  const canvas = element(document, "canvas", { width, height });
  const image = new ImageData(new Uint8ClampedArray(colors.buffer), width, height);
  canvas.getContext("2d", { alpha: false }).putImageData(image, 0, 0);
  return canvas;
}

/** Say how the PNG differs from the map's pixels. */
function pngHint(session) {
  const { last, input } = session;
  if (!hasPng(session)) {
    return TEXTS.pngShown;
  }
  if (input.maxValue === null) {
    return last.extremes === null ? TEXTS.pngClipped : "";
  }
  return input.maxValue > 255 ? TEXTS.pngReduced : "";
}

/**
 * Write the pixels that come last as `-o map.csv` of the command does: chain clips no matrix.
 *
 * Other numbers than whole ones have the digits of doubles, in which the page computes, and may
 * differ in the last one; the command writes fewer where it computes in single precision.
 */
function csvText(session) {
  const { last, stages, settings, input } = session;
  const { map, toPixel, extremes } = last;
  const [rows, columns, channels] = map.shape;
  const isRaw = stages.length > 0 && settings.range === "clip";
  const span = input.maxValue === null && extremes !== null ? extremes[1] - extremes[0] : null;
  const decimals = session.decimals(stages.length, span);
  const texts = Array.from(map.values, (value) =>
    formatNumber(roundNumber(isRaw ? value : toPixel(value), decimals)),
  );
  const lines = [];
  if (channels === 1) {
    for (let row = 0; row < rows; row++) {
      lines.push(texts.slice(row * columns, (row + 1) * columns).join(","));
    }
  } else {
    const names = Array.from({ length: channels }, (_, number) => `map${number + 1}`);
    lines.push(`row,column,${channels === 3 ? "r,g,b" : names.join(",")}`);
    for (let place = 0; place < rows * columns; place++) {
      const numbers = texts.slice(place * channels, (place + 1) * channels);
      lines.push([Math.floor(place / columns), place % columns, ...numbers].join(","));
    }
  }
  return `${lines.join("\n")}\n`;
}
