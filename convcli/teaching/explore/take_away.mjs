/** What a person takes along: the command, the map as PNG or CSV, the state, a printed page. */

import { commandText, readState, stateText } from "./command.mjs";
import { formatNumber } from "./decimals.mjs";
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
    );
    session.onChange((what) => {
      if (what !== "work") {
        this.command.value = commandText(session);
        const { words, isDecoded } = session.input;
        this.unnamed.hidden = `${words}` !== `${UNNAMED_INPUT}`;
        this.decoded.hidden = !isDecoded || !this.unnamed.hidden;
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
    this.last.view.toBlob((blob) => this.save("map.png", blob));
  }

  save(name, blob) {
    const href = URL.createObjectURL(blob);
    element(this.document, "a", { href, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(href), 10000);
  }
}

/** Write the pixels that come last as `-o map.csv` of the command does: chain clips no matrix. */
function csvText({ last: { map, toPixel }, stages, settings }) {
  const [rows, columns, channels] = map.shape;
  const isRaw = stages.length > 0 && settings.range === "clip";
  const texts = Array.from(map.values, (value) => formatNumber(isRaw ? value : toPixel(value)));
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
