/**
 * What layers give: the size of their maps, the maps, and which values each of them reads.
 *
 * Layers come from layer_text.mjs; maps are images as in sums.mjs. The rules are those of
 * convcli/layers, in doubles.
 */

import { ENLARGING, enlargedMaps, enlargedShape, regionEnlarged } from "./enlarge.mjs";
import { prefixErrors, UsageError } from "./errors.mjs";
import {
  borderAt,
  convGeometry,
  countText,
  isInImage,
  OUTSIDE,
  pairText,
  resolvedPads,
  sizeText,
} from "./geometry.mjs";
import { combineMaps, correlate, stackMaps } from "./sums.mjs";

const MAX_SQUARED = 1e100; // squares of larger values may overflow
/** Functions of single values. */
const ACTIVATIONS = {
  relu: () => (value) => (value < 0 ? 0 : value),
  "leaky-relu":
    ({ slope }) =>
    (value) =>
      value < 0 ? value * slope : value,
  sigmoid: () => (value) => {
    const small = Math.exp(-Math.abs(value));
    return (value < 0 ? small : 1) / (1 + small);
  },
  tanh: () => Math.tanh,
  abs: () => Math.abs,
};

/**
 * Return the shapes of the maps of layers, [rows, columns, channels], after that of their input.
 *
 * @param {object[]} layers
 * @param {[number, number, number]} shape of the input
 * @param {number} maxValues of the maps of one layer, and of its padded input
 */
export function planLayers(layers, shape, maxValues) {
  const shapes = [shape];
  for (const [index, layer] of layers.entries()) {
    prefixErrors(`layer ${index + 1} (${layer.label})`, () => {
      const { output, padded } = planLayer(layer, shapes.at(-1));
      const largest = Math.max(
        padded[0] * padded[1] * shapes.at(-1)[2],
        output[0] * output[1] * output[2],
      );
      if (largest > maxValues) {
        throw new UsageError(
          `an input padded to ${sizeText(padded)} with ${countText(output[2], "map")} of ` +
            `${sizeText(output)} is too large for a page`,
        );
      }
      shapes.push(output);
    });
  }
  return shapes;
}

/** Return the shape of a layer's maps, and of its padded input. */
function planLayer(layer, [rows, columns, channels]) {
  const padded = [rows, columns];
  switch (layer.name) {
    case "conv":
      return planConv(layer, [rows, columns, channels]);
    case "maxpool":
    case "minpool":
    case "avgpool": {
      const { outputShape, paddedShape } = poolGeometry(layer, [rows, columns]);
      return { output: [...outputShape, channels], padded: paddedShape };
    }
    case "globalpool":
      return { output: [1, 1, channels], padded };
    case "channelpool":
      return { output: [rows, columns, 1], padded };
    case "flatten":
      return { output: [1, 1, rows * columns * channels], padded };
    case "upsample":
    case "convtranspose":
      return { output: enlargedShape(layer, [rows, columns, channels]), padded };
  }
  return { output: [rows, columns, channels], padded };
}

function planConv({ groups, conv, runs = 1 }, [rows, columns, channels]) {
  checkRuns(groups, runs, channels);
  const geometries = groups.flatMap(({ kernels }) =>
    kernels.map((kernel) => {
      if (kernel.addsChannels && kernel.planes.length !== channels / runs) {
        throw new UsageError(channelsError(kernel, groups, runs, channels));
      }
      return convGeometry([rows, columns], kernel.shape, conv);
    }),
  );
  const sizes = new Map(geometries.map(({ outputShape }) => [`${outputShape}`, outputShape]));
  if (sizes.size > 1) {
    const texts = [...sizes.values()].sort((a, b) => a[0] - b[0] || a[1] - b[1]).map(sizeText);
    throw new UsageError(
      `the kernels' maps differ in size: ${texts.join(" and ")}; padding same makes them equal`,
    );
  }
  const maps = groups.reduce((sum, group) => sum + countMaps(group, channels), 0);
  const padded = [0, 1].map((axis) =>
    geometries.reduce((most, { paddedShape }) => Math.max(most, paddedShape[axis]), 0),
  );
  return { output: [...geometries[0].outputShape, maps], padded };
}

/** Check that channels and kernels can be divided into runs, which `--groups` counts. */
function checkRuns(groups, runs, channels) {
  if (runs === 1) {
    return;
  }
  if (groups.some(({ combine, kernels }) => combine !== null || !kernels[0].addsChannels)) {
    throw new UsageError(
      "--groups takes a bank (N, C/groups, kh, kw), whose kernels are not combined; a 2-D kernel " +
        "filters every map on its own without it",
    );
  }
  for (const [count, noun] of [
    [channels, "channel"],
    [groups.length, "kernel"],
  ]) {
    if (count % runs > 0) {
      throw new UsageError(`${countText(count, noun)} cannot be divided into ${runs} groups`);
    }
  }
}

/** Say that a kernel does not fit the channels, and which number of groups would. */
function channelsError({ name, planes }, groups, runs, channels) {
  const [own, given] = [planes.length, channels].map((count) => countText(count, "channel"));
  const part = runs > 1 ? `, ${channels / runs} in each of ${runs} groups` : "";
  const fitting = channels / planes.length;
  const isBank = groups.every(({ kernels }) => kernels.every(({ addsChannels }) => addsChannels));
  const fits = isBank && Number.isInteger(fitting) && fitting > 1 && groups.length % fitting === 0;
  const advice = fits ? `; with --groups ${fitting} it fits` : "";
  return `${name} sums over ${own}, but the layer's input has ${given}${part}${advice}`;
}

/** Count the maps of a group of kernels: one, or one for each channel. */
function countMaps({ kernels }, channels) {
  const [first, ...others] = kernels;
  if (others.some(({ addsChannels }) => addsChannels !== first.addsChannels)) {
    throw new UsageError("--combine takes 2-D kernels or 3-D kernels (C, kh, kw), not both");
  }
  return first.addsChannels ? 1 : channels;
}

/** Return the windows of a pool; `asked` is the padding that was asked for, which ceil exceeds. */
function poolGeometry({ window, stride, padding, dilation, ceil }, shape) {
  const options = { padding, stride, dilation, operation: "correlate", anchor: "before" };
  const isRule = typeof padding === "string" && padding !== "valid"; // whose windows fit
  const asked = isRule
    ? convGeometry(shape, window, options, "window").pads
    : resolvedPads(padding, window, [], shape, stride);
  const sides = [
    [asked.top, asked.bottom],
    [asked.left, asked.right],
  ].map((pads, axis) => {
    const extent = dilation[axis] * (window[axis] - 1) + 1;
    return ceil ? [pads[0], ceiledPad(shape[axis], extent, stride[axis], pads)] : pads;
  });
  const geometry = convGeometry(shape, window, { ...options, padding: sides.flat() }, "window");
  for (const axis of [0, 1]) {
    const along = axisOf(geometry, asked, axis);
    const empty = Array.from({ length: along.windows }, (_, index) => index).find(
      (index) => tapsInside(along, index, along.size).length === 0,
    );
    if (empty !== undefined) {
      const { top, bottom, left, right } = asked;
      const isPair = top === bottom && left === right;
      const text = isPair ? pairText([top, left]) : Object.values(asked);
      throw new UsageError(
        `the ${sizeText(window)} window of ${axis === 0 ? "row" : "column"} ${empty} holds padding ` +
          `alone; pad less than ${text}`,
      );
    }
  }
  return { ...geometry, asked };
}

/** Return the padding after an axis that keeps a last window, as long as it begins inside. */
function ceiledPad(size, extent, stride, [before, after]) {
  const reach = size + before;
  let last = Math.ceil((reach + after - extent) / stride);
  if (last * stride >= reach) {
    last--;
  }
  const end = last * stride + extent - reach;
  return last < 0 ? after : Math.min(Math.max(end, after), end + stride - 1);
}

/** Return the windows along an axis of a pool; `padded` is where the padding asked for ends. */
function axisOf({ inputShape, outputShape, kernel, stride, dilation, pads }, asked, axis) {
  return {
    size: inputShape[axis],
    windows: outputShape[axis],
    pad: axis === 0 ? pads.top : pads.left,
    padded: inputShape[axis] + (axis === 0 ? asked.bottom : asked.right),
    taps: kernel[axis],
    step: stride[axis],
    apart: dilation[axis],
  };
}

/** Return the places of a window's taps from `first` to before `end`. */
function tapsInside({ pad, taps, step, apart }, index, end, first = 0) {
  const start = index * step - pad;
  const places = Array.from({ length: taps }, (_, tap) => start + tap * apart);
  return places.filter((place) => place >= first && place < end);
}

/** Return about how many multiplications or comparisons a layer takes. */
export function workOf(layer, [rows, columns, channels]) {
  if (layer.name !== "conv") {
    const [down, across] = layer.window ?? layer.factor ?? layer.kernels?.[0].shape ?? [1, 0];
    if (ENLARGING.includes(layer.name)) {
      const maps = layer.kernels?.[0].planes.length ?? 1;
      return rows * columns * channels * down * across * maps;
    }
    return rows * columns * channels * (down + across);
  }
  const { groups, conv, runs = 1 } = layer;
  return groups.flatMap((group) => group.kernels).reduce((sum, { shape, planes }) => {
    const { outputShape } = convGeometry([rows, columns], shape, conv);
    return sum + (outputShape[0] * outputShape[1] * channels * planes[0].length) / runs;
  }, 0);
}

/** Return the maps of a layer. */
export function applyLayer(layer, maps) {
  const { shape, values } = maps;
  if (layer.name in ACTIVATIONS) {
    return { shape, values: values.map(ACTIVATIONS[layer.name](layer)) };
  }
  switch (layer.name) {
    case "conv":
      return convolvedMaps(layer, maps);
    case "globalpool":
      return {
        shape: [1, 1, shape[2]],
        values: reduced(values, 1, shape[0] * shape[1], shape[2], layer.kind),
      };
    case "channelpool":
      return {
        shape: [shape[0], shape[1], 1],
        values: reduced(values, shape[0] * shape[1], shape[2], 1, layer.kind),
      };
    case "softmax":
      return softmaxMaps(maps);
    case "flatten":
      return flatMaps(maps);
    case "normalize":
      return normalizedMaps(layer.eps, maps);
    case "batchnorm":
      return scaledMaps(layer, maps);
    case "upsample":
    case "convtranspose":
      return enlargedMaps(layer, maps);
  }
  return pooledMaps(layer, maps);
}

function convolvedMaps({ groups, conv, runs = 1 }, maps) {
  const channels = maps.shape[2];
  const parts = Array.from({ length: runs }, (_, run) =>
    runs === 1 ? maps : channelsOf(maps, runChannels(run, runs, channels)),
  );
  const each = groups.length / runs;
  return stackMaps(
    groups.map((group, number) => groupMap(group, parts[Math.floor(number / each)], conv)),
  );
}

function runChannels(run, runs, channels) {
  const each = channels / runs;
  return Array.from({ length: each }, (_, index) => run * each + index);
}

/** Return some channels of maps, as maps. */
export function channelsOf({ shape: [rows, columns, channels], values }, read) {
  const own = new Float64Array(rows * columns * read.length);
  for (let place = 0, target = 0; place < rows * columns; place++) {
    for (const channel of read) {
      own[target++] = values[place * channels + channel];
    }
  }
  return { shape: [rows, columns, read.length], values: own };
}

/** Return the kernels that compute a map of a convolution, and the channels that they read. */
export function kernelsOf({ groups, runs = 1 }, map, channels) {
  if (runs > 1) {
    const run = Math.floor(map / (groups.length / runs));
    return { group: groups[map], read: runChannels(run, runs, channels) };
  }
  let first = 0; // map of a group
  for (const group of groups) {
    const count = countMaps(group, channels);
    if (map < first + count) {
      return { group, read: group.kernels[0].addsChannels ? every(channels) : [map - first] };
    }
    first += count;
  }
  return null;
}

/** Normalize each value by the numbers of a trained network. */
function scaledMaps({ mean, variance, weight, bias, eps }, { shape, values }) {
  const factor = weight / Math.sqrt(variance + eps);
  return { shape, values: values.map((value) => (value - mean) * factor + bias) };
}

function groupMap({ kernels, combine, bias }, maps, conv) {
  const own = kernels.map((kernel) => correlate(maps, kernel, conv));
  const { shape, values } = combineMaps(own, combine);
  return { shape, values: bias === 0 ? values : values.map((value) => value + bias) };
}

/** Pool each map along its columns, and then along its rows. */
function pooledMaps(layer, { shape: [height, width, channels], values }) {
  const geometry = poolGeometry(layer, [height, width]);
  const [rows, columns] = geometry.outputShape;
  const [down, across] = [0, 1].map((axis) => axisOf(geometry, geometry.asked, axis));
  const tall = poolAlong(values, 1, down, width * channels, layer.kind);
  const pooled = poolAlong(tall, rows, across, channels, layer.kind);
  if (layer.kind === "avg") {
    const [tallest, widest] = [down, across].map((axis) => countsOf(axis, layer.countPadding));
    for (let row = 0, place = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        for (let channel = 0; channel < channels; channel++, place++) {
          pooled[place] /= tallest[row] * widest[column];
        }
      }
    }
  }
  return { shape: [rows, columns, channels], values: pooled };
}

/** Return how many places of each window a mean divides by. */
function countsOf(axis, countPadding) {
  const [end, first] = countPadding ? [axis.padded, -Infinity] : [axis.size, 0];
  return Array.from(
    { length: axis.windows },
    (_, index) => tapsInside(axis, index, end, first).length,
  );
}

/** Pool along the second of three axes, whose lengths are outer, axis.size and inner. */
function poolAlong(values, outer, axis, inner, kind) {
  const { size, windows } = axis;
  const sign = kind === "min" ? -1 : 1; // the minimum is the maximum of the negative values
  const isMean = kind === "avg";
  const out = new Float64Array(outer * windows * inner).fill(isMean ? 0 : -sign * Infinity);
  for (let index = 0; index < windows; index++) {
    for (const place of tapsInside(axis, index, size)) {
      for (let block = 0; block < outer; block++) {
        const source = (block * size + place) * inner;
        const target = (block * windows + index) * inner;
        for (let each = 0; each < inner; each++) {
          const value = values[source + each];
          if (isMean) {
            out[target + each] += value;
          } else if (sign * value > sign * out[target + each] || Number.isNaN(value)) {
            out[target + each] = value;
          }
        }
      }
    }
  }
  return out;
}

/** Reduce the second of three axes to one value. */
function reduced(values, outer, size, inner, kind) {
  const axis = { size, windows: 1, pad: 0, taps: size, step: 1, apart: 1 };
  const pooled = poolAlong(values, outer, axis, inner, kind);
  return kind === "avg" ? pooled.map((sum) => sum / size) : pooled;
}

/** Divide exp(x) by the sum over the maps, at each position. */
function softmaxMaps({ shape, values }) {
  const out = new Float64Array(values.length);
  for (let first = 0; first < values.length; first += shape[2]) {
    const own = values.subarray(first, first + shape[2]);
    const largest = own.reduce((most, value) => Math.max(most, value));
    const powers = own.map((value) => Math.exp(value - largest));
    const sum = powers.reduce((total, power) => total + power);
    out.set(powers.map((power) => power / sum), first);
  }
  return { shape, values: out };
}

/** Turn all values into maps of one value each: map by map, row by row. */
function flatMaps({ shape: [rows, columns, channels], values }) {
  const count = rows * columns;
  const own = values.map(
    (_, place) => values[(place % count) * channels + Math.floor(place / count)],
  );
  return { shape: [1, 1, values.length], values: own };
}

function normalizedMaps(eps, { shape, values }) {
  const [rows, columns, channels] = shape;
  const count = rows * columns;
  const out = new Float64Array(values.length);
  for (let channel = 0; channel < channels; channel++) {
    // Subtracting the first value makes a constant map exactly 0.
    const own = new Float64Array(count);
    let sum = 0;
    for (let place = 0; place < count; place++) {
      own[place] = values[place * channels + channel] - values[channel];
      sum += own[place];
    }
    const mean = sum / count;
    const largest = own.reduce((most, value) => Math.max(most, Math.abs(value - mean)), 0);
    const isLarge = largest > MAX_SQUARED; // eps is negligible beside such values
    const unit = isLarge ? largest : 1;
    let squares = 0;
    for (let place = 0; place < count; place++) {
      own[place] = (own[place] - mean) / unit;
      squares += own[place] * own[place];
    }
    const deviation = Math.sqrt(squares / count + (isLarge ? 0 : eps));
    for (let place = 0; place < count; place++) {
      out[place * channels + channel] = own[place] / deviation;
    }
  }
  return { shape, values: out };
}

/**
 * Return which values before each layer some values after the last one depend on.
 *
 * That normalize takes its mean and variance from the whole map is left out.
 *
 * @typedef {{rows: number[], columns: number[], channels: number[]}} Region values at every pair of
 *   the rows and the columns of these maps
 * @param {object[]} layers
 * @param {number[][]} shapes from planLayers
 * @param {Region} region of the maps of the last layer
 * @returns {Region[]} of the input, where rows and columns can lie in the padding, and then of the
 *   maps of each layer, the last being the region itself
 */
export function fieldsOf(layers, shapes, region) {
  const fields = [region];
  for (let index = layers.length - 1; index >= 0; index--) {
    const read = regionRead(layers[index], shapes[index], fields[0]);
    fields.unshift(index === 0 ? read : shownRegion(layers[index], shapes[index], read));
  }
  return fields;
}

/**
 * Return which values of each layer's maps depend on a region of the first layer's input, and on the
 * copies of it that padding holds. A region of one place in that padding has none.
 */
export function regionsFed(layers, shapes, region) {
  const regions = [];
  for (const [index, layer] of layers.entries()) {
    const before = regions.at(-1) ?? region;
    const isShown = isInImage([before.rows[0], before.columns[0]], shapes[index]);
    regions.push(regionFed(layer, shapes[index], shapes[index + 1], before, isShown));
  }
  return regions;
}

function regionFed(layer, shape, [rows, columns, channels], region, isShown) {
  const wanted = { rows: new Set(region.rows), columns: new Set(region.columns) };
  wanted.channels = new Set(region.channels);
  const reads = (name, part) => {
    const read = regionRead(layer, shape, { rows: [0], columns: [0], channels: [0], ...part });
    const places = (isShown ? shownRegion(layer, shape, read) : read)[name];
    return places.some((place) => wanted[name].has(place));
  };
  // Maps of one value each differ in where they come from, others in the maps that they read only.
  const axes = layer.name === "flatten" ? ["rows", "columns", "channels"] : ["channels"];
  const fed = every(channels).filter((map) => axes.every((name) => reads(name, { channels: [map] })));
  return {
    rows: every(rows).filter((row) => reads("rows", { rows: [row], channels: fed })),
    columns: every(columns).filter((column) =>
      reads("columns", { columns: [column], channels: fed }),
    ),
    channels: fed,
  };
}

function every(count) {
  return Array.from({ length: count }, (_, place) => place);
}

/** Return which values of a layer's padded input a region of its output reads. */
export function regionRead(layer, [rows, columns, channels], region) {
  switch (layer.name) {
    case "conv":
      return regionConvolved(layer, [rows, columns, channels], region);
    case "maxpool":
    case "minpool":
    case "avgpool": {
      const geometry = poolGeometry(layer, [rows, columns]);
      const read = placesRead([geometry], region);
      // Of a window that reaches beyond the padding, the rest holds nothing.
      const end = [rows + geometry.asked.bottom, columns + geometry.asked.right];
      return {
        ...region,
        rows: read.rows.filter((row) => row < end[0]),
        columns: read.columns.filter((column) => column < end[1]),
      };
    }
    case "globalpool":
      return {
        ...region,
        rows: region.rows.length ? every(rows) : [],
        columns: region.columns.length ? every(columns) : [],
      };
    case "upsample":
    case "convtranspose":
      return regionEnlarged(layer, [rows, columns, channels], region);
    case "channelpool":
    case "softmax":
      return { ...region, channels: every(channels) };
    case "flatten": {
      const read = (place) => ascending(new Set(region.channels.map(place)));
      return {
        rows: read((value) => Math.floor(value / columns) % rows),
        columns: read((value) => value % columns),
        channels: read((value) => Math.floor(value / (rows * columns))),
      };
    }
  }
  return region;
}

function regionConvolved(layer, [rows, columns, channels], region) {
  const found = region.channels.map((map) => kernelsOf(layer, map, channels));
  const kernels = [...new Set(found.flatMap(({ group }) => group.kernels))];
  const geometries = kernels.map((kernel) =>
    convGeometry([rows, columns], kernel.shape, layer.conv),
  );
  const read = new Set(found.flatMap((each) => each.read));
  return { ...placesRead(geometries, region), channels: ascending(read) };
}

/** Return the rows and the columns that the windows of a region's outputs cover. */
function placesRead(geometries, region) {
  const [rows, columns] = [region.rows, region.columns].map((outputs, axis) => {
    const places = new Set();
    for (const { kernel, dilation, stride, pads } of geometries) {
      const before = axis === 0 ? pads.top : pads.left;
      for (const output of outputs) {
        for (let tap = 0; tap < kernel[axis]; tap++) {
          places.add(output * stride[axis] - before + tap * dilation[axis]);
        }
      }
    }
    return ascending(places);
  });
  return { rows, columns };
}

/** Return a region with the places that its padding shows in place of those in the padding. */
function shownRegion(layer, shape, { rows, columns, channels }) {
  const border = layer.name === "conv" ? layer.conv.border : "zero";
  const [shownRows, shownColumns] = [rows, columns].map((places, axis) => {
    const shown = new Set(places.map((place) => borderAt(place, shape[axis], border)));
    shown.delete(OUTSIDE);
    return ascending(shown);
  });
  return { rows: shownRows, columns: shownColumns, channels };
}

function ascending(numbers) {
  return [...numbers].sort((a, b) => a - b);
}
