/**
 * One value of a layer, and how it comes about: layer by layer back to the input.
 *
 * Each layer is explained at one position: that of the value that counts most in the layer after
 * it. The data and the rules are those of convcli/teaching/explain/chain/arithmetic.py.
 *
 * @typedef {object} Step how a layer computes one value
 * @property {object} layer
 * @property {number} number of the layer
 * @property {string} source what the layer reads: `input`, or the layer before
 * @property {number[]} inputShape [rows, columns, channels] of what it reads
 * @property {number[]} outputShape the same of its maps
 * @property {[number, number, number]} place row, column and map of the value
 * @property {number} value
 * @property {Listed} depends what the explained value depends on in what the layer reads
 * @property {[number, number, number] | null} next place of the value that counts most in what the
 *   layer reads; null if that is padding alone
 * @property {number} scale magnitude of the maps, which sets how many decimals are reliable
 * @property {number | null} inputScale the same of what the layer reads; null for the input
 * @property {object} own what depends on the kind of layer; see the functions below
 *
 * @typedef {object} Listed values at every pair of some rows and columns
 * @property {number[]} rows
 * @property {number[]} columns
 * @property {string[]} names of the channels; empty if what is read has one
 * @property {boolean[][] | null} padding which are padding; null if the values are
 * @property {number[][][] | null} values a grid for each channel; null if there are too many
 */

import { exactTotal, reliableDecimals, toNumber } from "./decimals.mjs";
import { addedValues, ENLARGING, enlargedBound, readersOf } from "./enlarge.mjs";
import { responseOf, summed, windowValues } from "./explain.mjs";
import { borderAt, convGeometry, OUTSIDE } from "./geometry.mjs";
import { channelsOf, fieldsOf, kernelsOf, regionRead } from "./layers.mjs";
import { combined, correlate } from "./sums.mjs";

const MAX_LISTED = 31 * 31; // values of a window that are listed
const EXTREMES = { max: 1, min: -1 }; // the signs of the values that a pool takes the largest of

/**
 * Explain one value of a layer.
 *
 * @param {object[]} layers the convolution, and those after it
 * @param {object[]} maps the input, with the names of its channels, and the maps of each layer
 * @param {number} number of the layer
 * @param {[number, number, number]} place row, column and map, counted from 0
 * @returns {{inputShape: number[], steps: Step[], field: {rows: number[], columns: number[]}}} the
 *   steps from this layer back to the first; the field may lie in the padding
 */
export function explainLayers(layers, maps, number, place) {
  const shapes = maps.map(({ shape }) => shape);
  const [row, column, channel] = place;
  const region = { rows: [row], columns: [column], channels: [channel] };
  const regions = fieldsOf(layers.slice(0, number), shapes, region);
  const scales = scalesOf(layers, maps);
  const steps = [];
  for (let index = number, at = place; index > 0 && at !== null; index--) {
    const layer = layers[index - 1];
    const before = namedMaps(maps[index - 1], index);
    const { values, shape } = maps[index];
    const step = {
      layer,
      number: index,
      source: index > 1 ? `layer ${index - 1} (${layers[index - 2].label})` : "input",
      inputShape: before.shape,
      outputShape: shape,
      place: at,
      value: values[(at[0] * shape[1] + at[1]) * shape[2] + at[2]],
      depends: listed(layer, before, regionRead(layer, before.shape, regions[index])),
      scale: scales[index],
      inputScale: index > 1 ? scales[index - 1] : null,
    };
    const { next, ...own } = ownOf(layer, before, at, step);
    steps.push({ ...step, next, own });
    at = next;
  }
  return { inputShape: shapes[0], steps, field: regions[0] };
}

/** Return what a layer reads with names of its channels, which are empty if there is one. */
function namedMaps({ shape, values, channels }, number) {
  const names = number === 1 ? channels : Array.from({ length: shape[2] }, (_, n) => `map ${n + 1}`);
  return { shape, values, channels: shape[2] === 1 ? [""] : names };
}

/** Return what is special to the kind of layer, and the place that counts most. */
function ownOf(layer, before, place, { value, outputShape }) {
  if (ENLARGING.includes(layer.name)) {
    return spreadOwn(layer, before, place, value, outputShape);
  }
  switch (layer.name) {
    case "conv":
      return convOwn(layer, before, place, value);
    case "maxpool":
    case "minpool":
    case "avgpool":
    case "globalpool":
    case "channelpool":
      return poolOwn(layer, before, place);
  }
  const next = layer.name === "flatten" ? unflattened(place[2], before.shape) : place;
  const own = { next, input: numberAt(before, next), channel: before.channels[next[2]] };
  if (layer.name === "normalize") {
    return { ...own, ...momentsOf(before, place[2]) };
  }
  return layer.name === "softmax" ? { ...own, ...softmaxOwn(layer, before, place) } : own;
}

function numberAt({ shape, values }, [row, column, channel]) {
  return values[(row * shape[1] + column) * shape[2] + channel];
}

function unflattened(value, [rows, columns]) {
  const place = value % (rows * columns);
  return [Math.floor(place / columns), place % columns, Math.floor(value / (rows * columns))];
}

/**
 * Explain a convolution: `computation`, as explain.mjs has it; the `channel` that is read, if it is
 * one of several; and a `bias` that is added to what several kernels are combined to.
 */
function convOwn(layer, before, [row, column, map], value) {
  const { conv } = layer;
  const { group, read } = kernelsOf(layer, map, before.shape[2]);
  const { kernels, combine, bias = 0 } = group;
  const names = read.map((channel) => before.channels[channel]);
  const maps = { ...channelsOf(before, read), channels: read.length > 1 ? names : [""] };
  const responses = kernels.map((kernel) => {
    const geometry = convGeometry(before.shape.slice(0, 2), kernel.shape, conv);
    const own = responseOf(maps, kernel, geometry, [row, column], 0, conv, value);
    return combine === null ? own : { ...own, value: valueOf(own, kernel, conv) };
  });
  const total = bias === 0 ? value : combined(responses.map((each) => each.value), combine);
  const { operation, border } = conv;
  const fill = border === "constant" ? conv.fill : 0;
  return {
    computation: computationOf(before, { operation, border, fill, combine }, responses, total),
    channel: read.length > 1 ? "" : names[0],
    bias,
    next: strongest(strengthsOfSums(responses, read), before.shape, border),
  };
}

function computationOf(before, options, responses, value) {
  const inputShape = before.shape.slice(0, 2);
  const output = { channel: "", responses, value, pixel: value };
  return { inputShape, ...options, extremes: null, outputs: [output] };
}

function strengthsOfSums(responses, read) {
  return responses.flatMap(({ sums, rows, columns, divisor }) =>
    sums.flatMap(({ products }, index) =>
      strengthsOf(products, { rows, columns }, read[index], {
        sizeOf: (number) => Math.abs(Number(number) / divisor),
      }),
    ),
  );
}

/**
 * Explain a value to which those of a smaller map add: as a convolution, and the `taps` of the kernel
 * by which they are multiplied; and the rows and columns that read the value that counts most, its
 * `spread`.
 */
function spreadOwn(layer, before, [row, column, map], value, outputShape) {
  const { rows, columns, read, weights, taps } = addedValues(layer, before.shape, map, [row, column]);
  const { divisor = 1, bias = 0 } = layer;
  const zero = { operation: "correlate", border: "zero", fill: 0, combine: null };
  const isEmpty = rows.length === 0 || columns.length === 0;
  const parts = read.map((channel, index) => ({
    channel: read.length > 1 ? before.channels[channel] : "",
    window: windowValues(before, channel, rows, columns, zero),
    weights: weights[index],
  }));
  const response = {
    ...summed({ name: layer.label, divisor, bias }, isEmpty ? [] : parts, value),
    rows,
    columns,
    padding: rows.map(() => columns.map(() => false)),
  };
  const next = strongest(strengthsOfSums([response], read), before.shape, "zero");
  const readers = (axis) =>
    readersOf(layer, before.shape[axis], outputShape[axis], axis, next[axis]);
  return {
    computation: computationOf(before, zero, [response], value),
    channel: read.length > 1 ? "" : before.channels[read[0]],
    bias: 0,
    taps,
    spread: next && { rows: readers(0), columns: readers(1) },
    next,
  };
}

/** Return the value of a kernel, summed as its map is. */
function valueOf({ sums }, kernel, { operation }) {
  const [down, across] = kernel.shape;
  const count = sums.length;
  const window = {
    shape: [down, across, count],
    values: Float64Array.from(
      { length: down * across * count },
      (_, place) => sums[place % count].window.flat()[Math.floor(place / count)],
    ),
  };
  const alone = { padding: 0, stride: 1, dilation: 1, border: "zero", fill: 0, anchor: "before" };
  return correlate(window, kernel, { ...alone, operation }).values[0];
}

/**
 * Explain a maximum, a minimum or a mean: the `window`; the `count` that a mean divides by, and the
 * `sum` of its values, null for the others.
 */
function poolOwn(layer, before, [row, column, map]) {
  const { kind } = layer;
  const region = { rows: [row], columns: [column], channels: [map] };
  const read = regionRead(layer, before.shape, region);
  const window = listed(layer, before, read);
  const inside = [read.rows, read.columns].map((places, axis) =>
    places.filter((place) => place >= 0 && place < before.shape[axis]),
  );
  const [rows, columns] = inside;
  const places = rows.flatMap((y) =>
    columns.flatMap((x) => read.channels.map((channel) => [y, x, channel])),
  );
  const values = places.map((place) => numberAt(before, place));
  let next;
  if (window.values === null) {
    const sizeOf = kind === "avg" ? Math.abs : (value) => EXTREMES[kind] * value;
    const sizes = values.map((value) => (Number.isNaN(value) ? Infinity : sizeOf(value)));
    next = places[sizes.indexOf(sizes.reduce((most, size) => Math.max(most, size)))];
  } else {
    const sign = EXTREMES[kind];
    const sizeOf = sign === undefined ? Math.abs : (number) => sign * number;
    const strengths = read.channels.flatMap((channel, index) =>
      strengthsOf(window.values[index], read, channel, { sizeOf }),
    );
    next = strongest(strengths, before.shape, "zero");
  }
  const sides = layer.countPadding ? [read.rows, read.columns] : inside;
  const count = sides[0].length * sides[1].length * read.channels.length;
  return { window, count, sum: kind === "avg" ? totalOf(values) : null, next };
}

/** Return a sum of doubles: of few, that of their decimals. */
function totalOf(values) {
  return values.length <= MAX_LISTED ? toNumber(exactTotal(values)) : compensatedSum(values);
}

/** Add up doubles with what each addition rounds off (Neumaier, 1974). */
function compensatedSum(values) {
  let [sum, lost] = [0, 0];
  for (const value of values) {
    const total = sum + value;
    lost += Math.abs(sum) >= Math.abs(value) ? sum - total + value : value - total + sum;
    sum = total;
  }
  return Number.isFinite(lost) ? sum + lost : sum;
}

/** Explain a share: the values of all maps, the `largest`, and the `sum` of exponentials. */
function softmaxOwn(layer, before, [row, column, map]) {
  const region = { rows: [row], columns: [column], channels: [map] };
  const window = listed(layer, before, regionRead(layer, before.shape, region));
  const values = before.channels.map((_, channel) => numberAt(before, [row, column, channel]));
  const largest = values.reduce((most, value) => Math.max(most, value));
  return { window, largest, sum: compensatedSum(values.map((value) => Math.exp(value - largest))) };
}

/** Return the mean and the variance of a map. */
function momentsOf({ shape, values }, map) {
  const own = values.filter((_, place) => place % shape[2] === map);
  const mean = compensatedSum(own) / own.length;
  return { mean, variance: compensatedSum(own.map((value) => (value - mean) ** 2)) / own.length };
}

/** Return the values of a region of what a layer reads, unless they are too many. */
function listed(layer, before, { rows, columns, channels }) {
  const names = before.shape[2] === 1 ? [] : channels.map((channel) => before.channels[channel]);
  if (rows.length * columns.length * channels.length > MAX_LISTED) {
    return { rows, columns, names, padding: null, values: null };
  }
  const [height, width] = before.shape;
  const padding = rows.map((row) =>
    columns.map((column) => row < 0 || row >= height || column < 0 || column >= width),
  );
  const sign = EXTREMES[layer.kind];
  const look = layer.conv ?? { border: "constant", fill: sign === undefined ? 0 : -sign * Infinity };
  const values = channels.map((channel) => windowValues(before, channel, rows, columns, look));
  return { rows, columns, names, padding, values };
}

/**
 * Return how much each number of a grid counts, and its place: NaN is the largest, and of equal ones
 * the nearest to the center of the window counts more.
 */
function strengthsOf(grid, { rows, columns }, channel, { sizeOf }) {
  const middle = [rows, columns].map((places) => (places[0] + places.at(-1)) / 2);
  return grid.flatMap((line, y) =>
    line.map((number, x) => {
      const size = sizeOf(number);
      const distance = Math.max(Math.abs(rows[y] - middle[0]), Math.abs(columns[x] - middle[1]));
      const place = [rows[y], columns[x], channel];
      return { size: Number.isNaN(size) ? Infinity : size, distance, place };
    }),
  );
}

/** Return where the strongest value comes from; null if all are padding that shows no pixel. */
function strongest(strengths, shape, border) {
  let best = null;
  for (const { size, distance, place } of strengths) {
    const shown = [0, 1].map((axis) => borderAt(place[axis], shape[axis], border));
    const isMore =
      best === null || size > best.size || (size === best.size && distance < best.distance);
    if (isMore && !shown.includes(OUTSIDE)) {
      best = { size, distance, place: [...shown, place[2]] };
    }
  }
  return best && best.place;
}

/** Return the magnitudes that set the reliable decimals of the input and of each layer's maps. */
export function scalesOf(layers, maps) {
  const scales = [0];
  layers.forEach((layer, index) => {
    scales.push(scaleOf(layer, maps[index], maps[index + 1], scales[index]));
  });
  return scales;
}

function scaleOf(layer, before, after, scale) {
  const largest = largestMagnitude(before.values);
  if (layer.name === "convtranspose") {
    const own = enlargedBound(layer, before.shape[2], after.shape[2], largest);
    return Math.max(own, scale) + Math.abs(layer.givenBias ?? 0);
  }
  if (layer.name !== "conv") {
    return Math.max(largest, largestMagnitude(after.values), scale);
  }
  const kernels = layer.groups.flatMap((group) => group.kernels);
  const bounds = kernels.map(({ planes, divisor, ownBias }) => {
    const total = planes.reduce(
      (sum, plane) => plane.reduce((part, weight) => part + Math.abs(weight / divisor), sum),
      0,
    );
    return total * largest + Math.abs(ownBias);
  });
  return Math.max(...bounds, scale) + Math.abs(layer.bias ?? 0);
}

const magnitudes = new WeakMap(); // by values, since those of an input serve many maps

/** Return the largest finite magnitude; see convcli/core/digits.py. */
function largestMagnitude(values) {
  if (!magnitudes.has(values)) {
    magnitudes.set(values, measuredMagnitude(values));
  }
  return magnitudes.get(values);
}

function measuredMagnitude(values) {
  let [largest, usual] = [0, 0];
  const limit = 1 / (8 * Number.EPSILON);
  for (let place = 0; place < values.length; place++) {
    const size = Math.abs(values[place]);
    if (size > largest && size < Infinity) {
      largest = size;
    }
    if (size > usual && size < limit) {
      usual = size;
    }
  }
  return reliableDecimals(largest) === 0 ? usual || largest : largest;
}
