/** Run through the map: play, step, back, a slider and a speed; the map fills in, value by value. */

import { button, element, labeled, slider } from "./elements.mjs";
import { TEXTS } from "./texts.mjs";

const SPEEDS = [1, 5, 20, 100, 1000]; // values a second
const USUAL_SPEED = 5;

export class Timeline {
  /**
   * @param {object} maps the view of input and map, whose `run` shows the first values only
   */
  constructor(document, session, maps) {
    this.session = session;
    this.maps = maps;
    this.window = document.defaultView;
    this.isPlaying = false;
    this.play = button(document, TEXTS.play, () => (this.isPlaying ? this.pause() : this.start()));
    // Those who ask for less motion step through the map themselves.
    this.play.hidden = this.window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.slider = slider(document, TEXTS.position, 1, 1, (count) => this.go(count));
    this.speed = element(
      document,
      "select",
      { "aria-label": TEXTS.speed },
      ...SPEEDS.map((rate) => element(document, "option", { value: rate }, TEXTS.speedText(rate))),
    );
    this.speed.value = USUAL_SPEED;
    this.all = button(document, TEXTS.showAll, () => this.end());
    this.root = element(
      document,
      "div",
      { class: "run" },
      this.play,
      button(document, TEXTS.back, () => this.go(this.count - 1)),
      button(document, TEXTS.step, () => this.go(this.count + 1)),
      this.slider,
      labeled(document, TEXTS.speed, this.speed),
      this.all,
    );
    session.onChange((what) => {
      if (what !== "work") {
        this.refresh();
      }
    });
  }

  get total() {
    const [rows, columns] = this.session.result.geometry.outputShape;
    return rows * columns;
  }

  /** How many values there are up to the explained one. */
  get count() {
    const [row, column] = this.session.settings.at;
    return row * this.session.result.geometry.outputShape[1] + column + 1;
  }

  refresh() {
    this.slider.max = this.total;
    this.slider.value = this.count;
    this.all.disabled = !this.maps.isRunning;
    if (!this.maps.isRunning) {
      this.pause();
    }
  }

  /** Show the first values, and explain the last of them. */
  go(count) {
    const columns = this.session.result.geometry.outputShape[1];
    const place = Math.min(Math.max(count, 1), this.total) - 1;
    this.maps.run([Math.floor(place / columns), place % columns]);
  }

  /** Play on from the explained value, or from the first one if all are shown. */
  start() {
    this.go(this.maps.isRunning && this.count < this.total ? this.count : 1);
    this.isPlaying = true;
    this.play.textContent = TEXTS.pause;
    let before = null;
    let done = this.count;
    const frame = (now) => {
      if (!this.isPlaying) {
        return;
      }
      done += before === null ? 0 : ((now - before) / 1000) * Number(this.speed.value);
      before = now;
      if (Math.floor(done) > this.count) {
        this.go(Math.floor(done));
      }
      if (this.count === this.total) {
        this.pause();
      } else {
        this.window.requestAnimationFrame(frame);
      }
    };
    this.window.requestAnimationFrame(frame);
  }

  pause() {
    this.isPlaying = false;
    this.play.textContent = TEXTS.play;
  }

  /** Show the whole map again. */
  end() {
    this.pause();
    this.maps.free();
  }
}
