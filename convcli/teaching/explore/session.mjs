/**
 * What the page shows: an input, the settings of the convolution, and the maps that follow.
 *
 * A change is made whole or not at all: it is checked and computed first, and what cannot be done
 * throws a UsageError and leaves everything unchanged.
 *
 * @typedef {object} Settings the options of `convcli apply`
 * @property {string | Array} kernel a SPEC, or nested lists
 * @property {number | null} divisor null for the kernel's own
 * @property {number | null} bias likewise, in the units of the input
 * @property {string | null} combine of several kernels; null for their own rule
 * @property {number | [number, number]} stride
 * @property {number | [number, number]} dilation
 * @property {string | number | [number, number]} anchor
 * @property {string | number | number[]} padding
 * @property {string} border
 * @property {number} fill
 * @property {string} operation
 * @property {string} range
 * @property {[number, number]} percentile that range percentile maps to black and white
 * @property {[number, number]} at the explained position of the map
 * @property {string[]} layers that follow the convolution, each a text as after `convcli chain`
 *
 * @typedef {object} Result one feature map: of a kernel, or of several that are combined
 * @property {string} label
 * @property {object[]} kernels with the bias of the settings; `levels` is their own, in 8-bit levels
 * @property {string | null} combine
 * @property {object} geometry of the first kernel
 * @property {object[]} maps one for each kernel
 * @property {object} map
 * @property {[number, number] | null} extremes
 * @property {(value: number) => number} toPixel
 * @property {[number, number]} unclipped the least and the greatest value that loses nothing
 */

import { reliableDecimals } from "./decimals.mjs";
import { quoted, UsageError } from "./errors.mjs";
import { explain } from "./explain.mjs";
import { explainLayers, scalesOf } from "./explain_layers.mjs";
import { asPair, borderName, checkPosition, convGeometry, countText, sizeText } from "./geometry.mjs";
import { kernelsOfLists, MAX_WEIGHT, readSpec } from "./kernels.mjs";
import { readLayers } from "./layer_text.mjs";
import { fieldsOf, planLayers, regionsFed, workOf } from "./layers.mjs";
import { extremesOf, pixelRule, pixelsOf, unclippedEnds } from "./pixels.mjs";
import { mapsOf } from "./results.mjs";
import { COMBINATIONS, release, stackMaps } from "./sums.mjs";

export const DEFAULTS = Object.freeze({
  divisor: null,
  bias: null,
  combine: null,
  stride: 1,
  dilation: 1,
  anchor: "before",
  padding: "same",
  border: "edge",
  fill: 0,
  operation: "correlate",
  range: "clip",
  percentile: [1, 99],
  at: [0, 0],
  layers: [],
});
const LARGE = 2e8; // multiplications, about 0.1 s: more are done by a worker

export class Session {
  /**
   * @param {object} input {name, shape, values, channels, maxValue, words}
   * @param {Partial<Settings>} settings
   * @param {Map<string, object>} tables kernels by SPEC
   * @param {number} maxValues of the padded input, and of all maps together
   * @param {((job: object) => Promise<object>) | null} compute large work elsewhere; null: here
   * @param {Map<string, object>} layerTables kernels of layers by SPEC, which no setting scales
   */
  constructor(input, settings, tables, maxValues, compute = null, layerTables = tables) {
    this.tables = tables;
    this.layerTables = layerTables;
    this.maxValues = maxValues;
    this.compute = compute;
    this.listeners = [];
    this.pending = null; // input and settings that are computed and not shown yet
    this.shown = 0; // the number of the result that is shown
    const checked = this.checked(input, { ...DEFAULTS, ...settings });
    this.show(input, checked, mapsOf(jobOf(input, checked)));
  }

  /** Call a function after each change with the name of it: work, maps, result or position. */
  onChange(listener) {
    this.listeners.push(listener);
  }

  notify(what) {
    for (const listener of this.listeners) {
      listener(what);
    }
  }

  get result() {
    return this.results[this.shown];
  }

  /** The maps that come last, with the rule of their pixels: of the last layer, or the shown result. */
  get last() {
    return this.stages.at(-1) ?? this.result;
  }

  /**
   * Change input and settings, and compute the maps.
   *
   * A new kernel comes with its own divisor, bias and rule of combination, unless they are given.
   * A change that a worker still computes counts as made; of several such, only the last is shown.
   * A position outside of the map becomes the last one inside, unless `isStrict` refuses it.
   *
   * @returns {Promise<void>} resolved when the maps are current
   */
  async change({ input, ...changes }, isStrict = false) {
    const own = "kernel" in changes ? { divisor: null, bias: null, combine: null } : {};
    const before = this.pending ?? this;
    const next = { input: input ?? before.input };
    const checked = this.checked(next.input, { ...before.settings, ...own, ...changes });
    if (isStrict && "at" in changes) {
      checkPosition(asPair(changes.at, "at", 0), checked.results[0].geometry.outputShape);
    }
    next.settings = checked.settings;
    this.pending = next;
    const job = jobOf(next.input, checked);
    let maps;
    if (this.compute !== null && jobWork(job, checked.shapes) > LARGE) {
      this.notify("work");
      maps = await this.compute(job);
    } else {
      maps = mapsOf(job);
    }
    if (this.pending === next) {
      this.show(next.input, checked, maps);
    }
  }

  /** Check settings; return them, and the kernels of each result. */
  checked(input, settings) {
    const names = ["kernel", ...Object.keys(DEFAULTS)];
    const unknown = Object.keys(settings).find((name) => !names.includes(name));
    if (unknown !== undefined) {
      throw new UsageError(`there is no setting ${unknown}; use input, ${names.join(", ")}`);
    }
    const conv = {
      operation: settings.operation,
      padding: settings.padding,
      border: borderName(settings.border),
      fill: checkedNumber(settings.fill, "fill"),
      stride: settings.stride,
      dilation: settings.dilation,
      anchor: settings.anchor,
    };
    const set = this.kernelSet(input, settings);
    const results = resultsOf(set, input, conv);
    const label = `conv ${set.label}`;
    const layers = this.checkedLayers(input, settings, { results, conv, label });
    pixelRule(settings.range, input.maxValue, [0, 0]); // raises if the range needs a depth
    checkPercentile(settings.percentile);
    const [{ geometry }] = results;
    const maps = results.reduce((sum, result) => sum + result.kernels.length, 0);
    const area = ([rows, columns]) => rows * columns;
    const largest = Math.max(area(geometry.paddedShape), area(geometry.outputShape) * maps);
    if (largest * input.shape[2] > this.maxValues) {
      throw new UsageError(
        `an input padded to ${sizeText(geometry.paddedShape)} with ${countText(maps, "map")} of ` +
          `${sizeText(geometry.outputShape)} is too large for a page`,
      );
    }
    const at = asPair(settings.at, "at", 0).map((place, axis) =>
      Math.min(place, geometry.outputShape[axis] - 1),
    );
    const short = {
      border: conv.border,
      stride: shortest(geometry.stride),
      dilation: shortest(geometry.dilation),
      padding: shortest(settings.padding),
    };
    return { settings: { ...settings, ...short, at }, results, conv, label, ...layers };
  }

  /** Return the layers, and all shapes from the input's on; the convolution is the first layer. */
  checkedLayers(input, { layers: texts, bias }, first) {
    const layers = readLayers(texts, this.layerTables, levelOf(input), 2);
    const isBiased = bias !== null && first.results.some(({ combine }) => combine !== null);
    if (layers.length === 0) {
      return { layers, shapes: [] };
    }
    if (isBiased) {
      throw new UsageError(
        "chain adds a bias after the kernels are combined, and this page before; with layers, " +
          "give no bias, or one kernel",
      );
    }
    const chain = [convLayer(first), ...layers];
    return { layers, shapes: planLayers(chain, input.shape, this.maxValues) };
  }

  /** Return the kernels of the settings, with divisor, bias and combination as they are given. */
  kernelSet(input, { kernel, divisor, bias, combine }) {
    const set = typeof kernel === "string" ? readSpec(kernel, this.tables) : kernelsOfLists(kernel);
    const level = levelOf(input);
    if (divisor === 0) {
      throw new UsageError("a kernel's divisor cannot be 0");
    }
    if (Math.abs(divisor) > MAX_WEIGHT) {
      throw new UsageError("a kernel's divisor must be finite and within ±1e+30");
    }
    if (combine !== null && (set.kernels.length < 2 || !COMBINATIONS.includes(combine))) {
      throw new UsageError(
        `combine needs two or more kernels and must be one of ${COMBINATIONS.join(", ")}`,
      );
    }
    const kernels = set.kernels.map((member) => ({
      ...member,
      divisor: divisor === null ? member.divisor : checkedNumber(divisor, "divisor"),
      ownDivisor: member.divisor,
      levels: member.bias,
      bias: bias === null ? member.bias * level : checkedNumber(bias, "bias"),
      ownBias: member.bias * level,
    }));
    return { ...set, kernels, combine: combine ?? set.combine };
  }

  show(input, { settings, results, conv, label, layers, shapes }, maps) {
    const before = this.results ?? [];
    this.pending = null;
    this.input = input;
    this.settings = settings;
    this.conv = conv;
    this.label = label;
    const withPixels = (each, map) => {
      const extremes = extremesOf(map.values, settings.range, settings.percentile);
      const toPixel = pixelRule(settings.range, input.maxValue, extremes);
      const unclipped = unclippedEnds(settings.range, input.maxValue, extremes);
      return { ...each, map, extremes, toPixel, unclipped };
    };
    this.results = results.map((result, number) => {
      const { maps: own, map } = maps.results[number];
      return withPixels({ ...result, maps: own }, map);
    });
    this.shapes = shapes;
    this.scales = null;
    this.stages = layers.map((layer, number) => withPixels({ layer }, maps.stages[number]));
    this.shown = Math.min(this.shown, results.length - 1);
    this.notify("maps");
    before.flatMap((result) => result.maps).forEach(release);
  }

  /** Show another result of a bank. */
  choose(number) {
    this.shown = number;
    this.notify("result");
  }

  /** Explain another position of the map. */
  moveTo(at) {
    this.settings = { ...this.settings, at };
    this.notify("position");
  }

  /**
   * Return the values of all maps, a bank's one after the other along the channels.
   *
   * With layers, they are those of the last one.
   */
  values() {
    return copied(stackMaps(this.lasts.map((result) => result.map)));
  }

  /** All that come last: the last layer, or all results. */
  get lasts() {
    return this.stages.length > 0 ? [this.last] : this.results;
  }

  /** Return the pixels, of the same shape. */
  pixels() {
    const maps = this.lasts.map((last) => ({ ...last.map, values: this.pixelsOf(last) }));
    return copied(stackMaps(maps));
  }

  /** Return the pixels of a result, or of a layer. */
  pixelsOf({ map, extremes }) {
    return pixelsOf(map.values, this.settings.range, this.input.maxValue, extremes);
  }

  /**
   * Return what a region of the maps of the n-th layer depends on; see fieldsOf in layers.mjs.
   *
   * The first is that of the input, the second that of the convolution's maps.
   */
  fields(number, region) {
    const layers = this.stages.slice(0, number).map(({ layer }) => layer);
    return fieldsOf([convLayer(this), ...layers], this.shapes, region);
  }

  /** Explain a value of the n-th layer after the convolution; see explain_layers.mjs. */
  explainLayer(number, place) {
    return explainLayers(...this.layersAndMaps(), number + 1, place);
  }

  /**
   * Return how many decimals of the n-th layer's maps to write, of the convolution's for 0.
   *
   * `span` is what values were divided by to lie between 0 and 1; null if they were not.
   */
  decimals(number, span = null) {
    this.scales ??= scalesOf(...this.layersAndMaps());
    const scale = this.scales[number + 1];
    return reliableDecimals(span > 0 ? Math.max(scale / span, 1) : scale);
  }

  /** Return all layers, the convolution first, and the maps before and after each. */
  layersAndMaps() {
    const layers = [convLayer(this), ...this.stages.map(({ layer }) => layer)];
    const first = stackMaps(this.results.map(({ map }) => map));
    return [layers, [this.input, first, ...this.stages.map(({ map }) => map)]];
  }

  /** Return what of each layer's maps a pixel of the input feeds; see regionsFed in layers.mjs. */
  fed([row, column], channels) {
    const layers = this.stages.map(({ layer }) => layer);
    const region = { rows: [row], columns: [column], channels };
    return layers.length === 0
      ? []
      : regionsFed([convLayer(this), ...layers], this.shapes, region).slice(1);
  }

  /** Return what of each layer's maps depends on a position of the convolution's maps. */
  dependents([row, column]) {
    const shapes = this.shapes.slice(1);
    const channels = Array.from({ length: shapes[0]?.[2] ?? 0 }, (_, map) => map);
    const layers = this.stages.map(({ layer }) => layer);
    return regionsFed(layers, shapes, { rows: [row], columns: [column], channels });
  }

  /** Explain the value at a position of a result's map. */
  explain(at = this.settings.at, result = this.result) {
    const filter = {
      ...result,
      conv: this.conv,
      range: this.settings.range,
      maxValue: this.input.maxValue,
    };
    const valueOf = (kernel, channel) => {
      const { shape, values } = result.maps[kernel];
      return values[(at[0] * shape[1] + at[1]) * shape[2] + channel];
    };
    return explain(this.input, filter, at, valueOf);
  }
}

/** Return a map whose values may be changed. */
function copied({ shape, values }) {
  return { shape, values: new Float64Array(values) };
}

/** Group the kernels of a set by results: all of a family, each of a bank. */
function resultsOf({ label, kernels, combine }, input, conv) {
  const isBank = combine === null && kernels.length > 1;
  const groups = isBank ? kernels.map((kernel) => [kernel.name, [kernel]]) : [[label, kernels]];
  return groups.map(([name, members]) => {
    const [first, ...others] = members.map((kernel) => geometryOf(kernel, input, conv));
    if (others.some((geometry) => `${geometry.outputShape}` !== `${first.outputShape}`)) {
      throw new UsageError(
        "the kernels' maps differ in size; padding same gives all of them one size",
      );
    }
    return { label: name, kernels: members, combine, geometry: first };
  });
}

function geometryOf(kernel, input, conv) {
  const channels = input.shape[2];
  if (kernel.addsChannels && kernel.planes.length !== channels) {
    const name = channels === 1 ? "1 channel" : `${channels} channels`;
    throw new UsageError(
      `the kernel has ${kernel.planes.length} channels, but the input has ${name}`,
    );
  }
  return convGeometry(input.shape.slice(0, 2), kernel.shape, conv);
}

/** Return the convolution as the first of the layers. */
function convLayer({ results, conv, label, settings }) {
  return { name: "conv", label, groups: results, conv, bias: settings?.bias ?? null };
}

function jobOf(image, { results, conv, layers }) {
  return { image, groups: results.map(({ kernels, combine }) => ({ kernels, combine })), conv, layers };
}

function jobWork({ image, groups, conv, layers }, shapes) {
  const first = workOf({ name: "conv", groups, conv }, image.shape);
  return layers.reduce((sum, layer, index) => sum + workOf(layer, shapes[index + 1]), first);
}

/** Return what a kernel's bias, which is in 8-bit levels, is multiplied by. */
function levelOf({ maxValue }) {
  return maxValue === 65535 ? 257 : 1;
}

/** Return one number for several equal ones. */
function shortest(numbers) {
  const isOne = Array.isArray(numbers) && numbers.every((number) => number === numbers[0]);
  return isOne ? numbers[0] : numbers;
}

function checkedNumber(value, name) {
  if (typeof value !== "number") {
    throw new UsageError(`${name} must be a number, not ${quoted(value)}`);
  }
  if (!Number.isFinite(value)) {
    throw new UsageError(`${name} must be a finite number, not ${value}`);
  }
  return value;
}

function checkPercentile(ends) {
  const isPair = Array.isArray(ends) && ends.length === 2;
  if (!isPair || !(ends[0] >= 0 && ends[0] < ends[1] && ends[1] <= 100)) {
    throw new UsageError("percentile takes two numbers, from 0 to 100 and rising, such as 1,99");
  }
}
