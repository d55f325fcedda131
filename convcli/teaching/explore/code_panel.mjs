/** The filter as a program for another library, which is written while the panel is open. */

import { codeText } from "./command.mjs";
import { choice, copyButton, element, labeled } from "./elements.mjs";
import { UsageError } from "./errors.mjs";
import { TEXTS } from "./texts.mjs";

const MOST_LINES = 40; // that are shown at once

export class CodePanel {
  /**
   * @param {object} code what programs are made of; see code.mjs
   */
  constructor(document, session, code) {
    this.session = session;
    this.code = code;
    const refresh = () => this.refresh();
    this.library = choice(document, TEXTS.library, Object.keys(code.borders), refresh);
    this.callAlone = element(document, "input", { type: "checkbox", onchange: refresh });
    this.program = element(document, "textarea", {
      class: "code",
      readonly: true,
      spellcheck: "false",
      wrap: "off",
      "aria-label": TEXTS.program,
    });
    this.refusal = element(document, "p", { class: "problem", role: "status" });
    this.layers = element(document, "p", { class: "hint" }, TEXTS.codeLayers);
    this.copy = copyButton(document, this.program, TEXTS);
    this.root = element(
      document,
      "details",
      { class: "panel program", ontoggle: refresh },
      element(document, "summary", {}, element(document, "h2", {}, TEXTS.code)),
      element(
        document,
        "div",
        { class: "tools" },
        labeled(document, TEXTS.library, this.library),
        element(document, "label", {}, this.callAlone, TEXTS.callAlone),
        this.copy,
      ),
      this.refusal,
      this.program,
      element(document, "p", { class: "hint" }, TEXTS.codeHint),
      this.layers,
    );
    session.onChange((what) => {
      if (what !== "position" && what !== "work") {
        this.refresh();
      }
    });
  }

  refresh() {
    if (!this.root.open) {
      return;
    }
    const { session, code, library, callAlone } = this;
    let [text, refusal] = ["", ""];
    try {
      text = codeText(session, code, library.value, callAlone.checked);
    } catch (error) {
      if (!(error instanceof UsageError)) {
        throw error;
      }
      refusal = error.message;
    }
    this.program.value = text;
    this.program.rows = Math.min(text.split("\n").length, MOST_LINES);
    this.program.hidden = this.copy.hidden = text === "";
    this.refusal.textContent = refusal;
    this.layers.hidden = session.stages.length === 0;
  }
}
