/**
 * The arithmetic of one value, in the words of `convcli explain`, and a line to be read aloud: of the
 * map, or of a layer that is pointed at.
 *
 * The quiz hides both and asks for the pixel; of a wrong answer it names the slip that gives it.
 */

import { formatNumber } from "./decimals.mjs";
import { asShown } from "./explain.mjs";
import { button, element, field, labeled } from "./elements.mjs";
import { layersText } from "./explain_layers_text.mjs";
import { explanationText, questionText } from "./explain_text.mjs";
import { answerOf, isPixel, slipsAt } from "./quiz.mjs";
import { TEXTS } from "./texts.mjs";

const PAUSE = 300; // milliseconds without a move before a position is read aloud

export class ExplanationPanel {
  /**
   * @param {(isHidden: boolean) => void} hideOutput covers the explained value in the maps
   */
  constructor(document, session, hideOutput) {
    this.session = session;
    this.hideOutput = hideOutput;
    this.isAnswered = false;
    this.ofLayer = null; // {number, place}: a value of the n-th layer, in place of the map's
    this.text = element(document, "pre", { tabindex: 0, "aria-label": TEXTS.arithmetic });
    this.live = element(document, "p", { class: "live", "aria-live": "polite", role: "status" });
    this.quiz = element(document, "input", { type: "checkbox", onchange: () => this.ask() });
    this.answer = field(document, TEXTS.pixel, () => {}, {
      inputmode: "decimal",
      onkeydown: ({ key }) => key === "Enter" && this.check(),
    });
    this.question = element(
      document,
      "div",
      { class: "buttons question" },
      labeled(document, TEXTS.pixel, this.answer),
      button(document, TEXTS.check, () => this.check()),
      button(document, TEXTS.showAnswer, () => this.reveal("")),
    );
    const title = element(document, "h2", {}, TEXTS.arithmetic);
    const tools = element(
      document,
      "div",
      { class: "tools" },
      labeled(document, TEXTS.quiz, this.quiz),
    );
    this.root = element(
      document,
      "section",
      { class: "panel arithmetic" },
      element(document, "div", { class: "bar" }, title, tools),
      this.text,
      this.question,
      this.live,
    );
    session.onChange((what) => {
      if (what !== "work") {
        this.ofLayer = null;
        this.ask();
      }
    });
  }

  /** Explain a value of a layer; null: that of the map again. */
  showLayer(value) {
    if (value !== this.ofLayer) {
      this.ofLayer = value;
      this.draw();
    }
  }

  /** Explain another value, or ask for it. */
  ask() {
    this.isAnswered = false;
    this.answer.value = "";
    this.draw();
  }

  get isAsking() {
    return this.quiz.checked && !this.isAnswered;
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
    const { session, ofLayer } = this;
    const explanation = session.explain();
    this.hideOutput(this.isAsking);
    this.question.hidden = !this.isAsking;
    clearTimeout(this.timer);
    if (this.isAsking) {
      this.text.textContent = questionText(explanation, session.result.kernels);
      this.live.textContent = "";
      return;
    }
    if (ofLayer !== null) {
      this.text.textContent = layersText(session.explainLayer(ofLayer.number, ofLayer.place));
      return;
    }
    this.text.textContent = explanationText(explanation);
    if (!this.quiz.checked) {
      this.timer = setTimeout(() => this.speak(explanation), PAUSE);
    }
  }

  speak(explanation) {
    const { at, outputs } = asShown(explanation);
    this.live.textContent = TEXTS.spoken(
      TEXTS.place(...at),
      outputs.map((output) => formatNumber(output.value)).join(", "),
      outputs.map((output) => formatNumber(output.pixel)).join(", "),
    );
  }

  /** Compare the answer with the pixel of the first channel, and with what slips give. */
  check() {
    const answer = answerOf(this.answer.value);
    if (answer === null) {
      this.live.textContent = TEXTS.noNumber;
      return;
    }
    const { at } = this.session.settings;
    if (isPixel(answer, this.session.explain().outputs[0].pixel)) {
      this.reveal(TEXTS.correct);
      return;
    }
    const slips = slipsAt(this.session, at, 0).filter(
      (slip) => isPixel(answer, slip.pixel) || isPixel(answer, slip.value),
    );
    this.live.textContent = TEXTS.wrong(slips.map((slip) => slip.text));
  }

  /** Show the arithmetic after a text. */
  reveal(text) {
    this.isAnswered = true;
    this.refresh();
    this.live.textContent = text;
  }
}
