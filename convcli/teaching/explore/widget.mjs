/**
 * The page as a widget of a notebook, by anywidget: a model in Python holds what the page shows.
 *
 * The model has, each as JSON:
 *
 * - `_page`: the page's data without an input; see state.mjs
 * - `_worker`: the script of a worker; see serve_maps.mjs
 * - `image`: {shape, dtype, pixels}, as an input in state.mjs
 * - `kernel`: a SPEC, or nested lists; from Python also the table of kernels, whose `spec` is then
 *   the page's setting
 * - `settings`: the others but `at`; from Python also `layerKernels`, tables that layers name
 * - `at`: the pinned position, or null
 */

import { element } from "./elements.mjs";
import { UNNAMED_INPUT, channelNames } from "./inputs.mjs";
import { mount } from "./mount.mjs";
import { readInput, readTables } from "./state.mjs";

const TRAITS = ["image", "kernel", "settings", "at"];
const MAX_VALUES = { u1: 255, u2: 65535 };
const TYPES = { 255: ["u1", Uint8Array], 65535: ["u2", Uint16Array] };
const CHUNK = 32768; // bytes that a function takes as arguments

/** Show a view of the model in an element; return what ends it. */
function render({ model, el }) {
  // Jupyter has shortcuts for arrow keys and letters.
  const root = element(el.ownerDocument, "div", { "data-lm-suppress-shortcuts": true });
  el.append(root);
  const { at, image, ...settings } = modelValues(model);
  const { kernels, layerKernels } = tablesOf(model);
  const page = model.get("_page");
  const state = {
    ...page,
    input: storedInput(image),
    kernels: [...page.kernels, ...kernels],
    layerKernels: [...page.layerKernels, ...layerKernels],
  };
  const mounted = mount(root, state, {
    script: model.get("_worker"),
    readSettings: () => ({ ...settings, at: at ?? page.settings.at }),
  });
  const link = new Link(model, mounted);
  const pull = () => link.pull();
  TRAITS.forEach((name) => model.on(`change:${name}`, pull));
  return () => TRAITS.forEach((name) => model.off(`change:${name}`, pull));
}

/** Keeps a model and a page alike. */
class Link {
  constructor(model, { session, maps, attempt }) {
    this.model = model;
    this.session = session;
    this.maps = maps;
    this.attempt = attempt;
    this.known = modelValues(model); // what both had last
    this.tables = new Map(); // that the model has given
    this.addTables();
    this.images = new WeakMap([[session.input, this.known.image]]); // JSON of inputs
    this.pulls = 0; // changes of the model that are not shown yet
    if (this.known.at !== null) {
      maps.pin(session.settings.at);
    }
    session.onChange(() => this.push());
  }

  /** What the page shows, as the model has it. */
  get shown() {
    const { session, maps, images } = this;
    const { input, settings } = session;
    if (!images.has(input)) {
      images.set(input, inputJson(input));
    }
    const fill = settings.border === "constant" ? settings.fill : 0;
    return {
      ...settings,
      fill,
      image: images.get(input),
      at: maps.isPinned ? settings.at : null,
    };
  }

  /** Take what has changed in the model; what cannot be, the page says, and the model takes it back. */
  async pull() {
    const values = modelValues(this.model);
    const changed = differing(this.known, values);
    if (!this.addTables() && changed.length === 0) {
      return;
    }
    this.known = values;
    this.pulls += 1;
    const { image, at, ...changes } = values;
    if (changed.includes("image")) {
      changes.input = readInput(storedInput(image));
      this.images.set(changes.input, image);
    }
    await this.attempt(at === null ? changes : { ...changes, at });
    if (changed.includes("at")) {
      if (at === null) {
        this.maps.free();
      } else {
        this.maps.pin(this.session.settings.at);
      }
    }
    this.pulls -= 1;
    this.push();
  }

  /** Give the kernels of the model to the page; return whether there are others. */
  addTables() {
    const { session, tables } = this;
    const { kernels, layerKernels } = tablesOf(this.model);
    const before = JSON.stringify([...tables]);
    for (const [target, given] of [
      [session.tables, kernels],
      [session.layerTables, layerKernels],
    ]) {
      given.forEach((table) => tables.set(`${target === session.tables} ${table.spec}`, table));
      readTables(given).forEach((table, spec) => target.set(spec, table));
    }
    return JSON.stringify([...tables]) !== before;
  }

  /** Give what has changed in the page to the model. */
  push() {
    if (this.pulls > 0) {
      return;
    }
    const values = this.shown;
    const changed = differing(this.known, values);
    if (changed.length === 0) {
      return;
    }
    this.known = values;
    const { image, kernel, at, ...settings } = values;
    const own = { image, kernel, at };
    changed
      .filter((name) => name in own)
      .forEach((name) => this.model.set(name, own[name]));
    if (changed.some((name) => name in settings)) {
      this.model.set("settings", { ...this.model.get("settings"), ...settings });
    }
    this.model.save_changes();
  }
}

/** Return the values of a model: image, kernel, at, and the settings by their names. */
function modelValues(model) {
  const { layerKernels, ...settings } = model.get("settings");
  const kernel = model.get("kernel");
  return { ...settings, image: model.get("image"), kernel: kernel.spec ?? kernel, at: model.get("at") };
}

/** Return the kernels of a model that its page may not have. */
function tablesOf(model) {
  const kernel = model.get("kernel");
  const { layerKernels = [] } = model.get("settings");
  return { kernels: kernel.spec === undefined ? [] : [kernel], layerKernels };
}

function differing(before, after) {
  return Object.keys(after).filter(
    (name) =>
      before[name] !== after[name] && JSON.stringify(before[name]) !== JSON.stringify(after[name]),
  );
}

/** Return the input of a page's data for an image of the model. */
function storedInput(image) {
  const [, , count] = image.shape;
  const maxValue = MAX_VALUES[image.dtype] ?? null;
  const channels = channelNames(count);
  return { ...image, name: "array", channels, maxValue, words: UNNAMED_INPUT };
}

/** Return an input as the model has it: pixels, or doubles where there are others. */
function inputJson({ shape, values, maxValue }) {
  const isPixel = (value) => value >= 0 && value <= maxValue && Number.isInteger(value);
  const [dtype, numbers] = (values.every(isPixel) && TYPES[maxValue]) || ["f8", Float64Array];
  const bytes = new Uint8Array(numbers.from(values).buffer);
  let letters = "";
  for (let first = 0; first < bytes.length; first += CHUNK) {
    letters += String.fromCharCode(...bytes.subarray(first, first + CHUNK));
  }
  return { shape, dtype, pixels: btoa(letters) };
}

export default { render };
