/** The arithmetic of one value, in the words of `convcli explain`, and a line to be read aloud. */

import { formatNumber } from "./decimals.mjs";
import { asShown } from "./explain.mjs";
import { element } from "./elements.mjs";
import { explanationText } from "./explain_text.mjs";
import { TEXTS } from "./texts.mjs";

const PAUSE = 300; // milliseconds without a move before a position is read aloud

export class ExplanationPanel {
  constructor(document, session) {
    this.session = session;
    this.text = element(document, "pre", { tabindex: 0, "aria-label": TEXTS.arithmetic });
    this.live = element(document, "p", { class: "live", "aria-live": "polite", role: "status" });
    this.root = element(
      document,
      "section",
      { class: "panel arithmetic" },
      element(document, "h2", {}, TEXTS.arithmetic),
      this.text,
      this.live,
    );
    session.onChange((what) => {
      if (what !== "work") {
        this.draw();
      }
    });
  }

  /** Write at the next frame, once however often it is called before. */
  draw() {
    if (this.frame === undefined) {
      this.frame = requestAnimationFrame(() => {
        this.frame = undefined;
        this.refresh();
      });
    }
  }

  refresh() {
    const explanation = this.session.explain();
    this.text.textContent = explanationText(explanation);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const { at, outputs } = asShown(explanation);
      this.live.textContent = TEXTS.spoken(
        TEXTS.place(...at),
        outputs.map((output) => formatNumber(output.value)).join(", "),
        outputs.map((output) => formatNumber(output.pixel)).join(", "),
      );
    }, PAUSE);
  }
}
