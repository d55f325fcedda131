/**
 * What layers give: the size of their maps, the maps, and which values each of them reads.
 *
 * Layers come from layer_text.mjs; maps are images as in sums.mjs. The rules are those of
 * convcli/layers, in doubles.
 */

import { prefixErrors, UsageError } from "./errors.mjs";
import { borderAt, convGeometry, OUTSIDE, pairText, sizeText } from "./geometry.mjs";
import { combineMaps, correlate, stackMaps } from "./sums.mjs";

const MAX_SQUARED = 1e100; // squares of larger values may overflow
const UNPADDED = {
  padding: 0,
  stride: 1,
  dilation: 1,
  operation: "correlate",
  anchor: "before",
};

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
          `an input padded to ${sizeText(padded)} with ${mapsText(output[2])} of ` +
            `${sizeText(output)} is too large for a page`,
        );
      }
      shapes.push(output);
    });
  }
  return shapes;
}

/** Return a number of maps in words. */
export function mapsText(count) {
  return count === 1 ? "1 map" : `${count} maps`;
}

/** Return the shape of a layer's maps, and of its padded input. */
function planLayer(layer, [rows, columns, channels]) {
  const padded = [rows, columns];
  switch (layer.name) {
    case "conv":
      return planConv(layer, [rows, columns, channels]);
    case "maxpool":
    case "avgpool": {
      const { outputShape, paddedShape } = poolGeometry(layer, [rows, columns]);
      return { output: [...outputShape, channels], padded: paddedShape };
    }
    case "globalpool":
      return { output: [1, 1, channels], padded };
    case "channelpool":
      return { output: [rows, columns, 1], padded };
  }
  return { output: [rows, columns, channels], padded };
}

function planConv({ groups, conv }, [rows, columns, channels]) {
  const geometries = groups.flatMap(({ kernels }) =>
    kernels.map((kernel) => {
      const taken = kernel.planes.length;
      if (kernel.addsChannels && taken !== channels) {
        const [own, given] = [taken, channels].map(channelsText);
        throw new UsageError(
          `${kernel.name} sums over ${own}, but the layer's input has ${given}`,
        );
      }
      return convGeometry([rows, columns], kernel.shape, conv);
    }),
  );
  const sizes = new Map(geometries.map(({ outputShape }) => [`${outputShape}`, outputShape]));
  if (sizes.size > 1) {
    const texts = [...sizes.values()].sort((a, b) => a[0] - b[0] || a[1] - b[1]).map(sizeText);
    throw new UsageError(
      `the kernels' maps differ in size: ${texts.join(" and ")}; use --padding same`,
    );
  }
  const maps = groups.reduce((sum, group) => sum + countMaps(group, channels), 0);
  const padded = [0, 1].map((axis) =>
    geometries.reduce((most, { paddedShape }) => Math.max(most, paddedShape[axis]), 0),
  );
  return { output: [...geometries[0].outputShape, maps], padded };
}

function channelsText(count) {
  return count === 1 ? "1 channel" : `${count} channels`;
}

/** Count the maps of a group of kernels: one, or one for each channel. */
function countMaps({ kernels }, channels) {
  const [first, ...others] = kernels;
  if (others.some(({ addsChannels }) => addsChannels !== first.addsChannels)) {
    throw new UsageError("--combine takes 2-D kernels or 3-D kernels (C, kh, kw), not both");
  }
  return first.addsChannels ? 1 : channels;
}

function poolGeometry({ window, stride, padding, ceil }, shape) {
  if (padding.some((pad, axis) => pad * 2 > window[axis])) {
    throw new UsageError(
      `padding ${pairText(padding)} is more than half of the ${sizeText(window)} window`,
    );
  }
  const [top, left] = padding;
  const [bottom, right] = shape.map(
    (size, axis) =>
      padding[axis] + (ceil ? overhang(size, window[axis], stride[axis], padding[axis]) : 0),
  );
  const options = { ...UNPADDED, padding: [top, bottom, left, right], stride };
  return convGeometry(shape, window, options, "window");
}

/** Return how far a last window that begins inside reaches beyond the padding. */
function overhang(size, window, stride, pad) {
  const padded = size + 2 * pad;
  let last = Math.ceil((padded - window) / stride);
  if (last * stride >= size + pad) {
    last--;
  }
  return last < 0 ? 0 : Math.max(last * stride + window - padded, 0);
}

/** Return about how many multiplications or comparisons a layer takes. */
export function workOf(layer, [rows, columns, channels]) {
  if (layer.name !== "conv") {
    const [down, across] = layer.window ?? [1, 0];
    return rows * columns * channels * (down + across);
  }
  const kernels = layer.groups.flatMap((group) => group.kernels);
  return kernels.reduce((sum, { shape, planes }) => {
    const { outputShape } = convGeometry([rows, columns], shape, layer.conv);
    return sum + outputShape[0] * outputShape[1] * channels * planes[0].length;
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
      return stackMaps(layer.groups.map((group) => groupMap(group, maps, layer.conv)));
    case "globalpool":
      return globalMap(layer.kind, maps);
    case "channelpool":
      return channelMap(layer.kind, maps);
    case "normalize":
      return normalizedMaps(layer.eps, maps);
  }
  return pooledMaps(layer, maps);
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
  const { top, left } = geometry.pads;
  const [down, across] = [
    axisOf(height, rows, 0, top, layer),
    axisOf(width, columns, 1, left, layer),
  ];
  const tall = poolAlong(values, 1, down, width * channels, layer.kind);
  const pooled = poolAlong(tall, rows, across, channels, layer.kind);
  if (layer.kind === "avg") {
    for (let row = 0, place = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const count = countOf(down, row, layer) * countOf(across, column, layer);
        for (let channel = 0; channel < channels; channel++, place++) {
          pooled[place] /= count;
        }
      }
    }
  }
  return { shape: [rows, columns, channels], values: pooled };
}

/** Return the windows along an axis. */
function axisOf(size, windows, axis, pad, { window, stride }) {
  return { size, windows, pad, taps: window[axis], step: stride[axis] };
}

/** Return how many places of a window a mean divides by. */
function countOf({ size, pad, taps, step }, index, { countPadding }) {
  const start = index * step - pad;
  return countPadding
    ? Math.min(start + taps, size + pad) - start
    : Math.min(start + taps, size) - Math.max(start, 0);
}

/** Pool along the second of three axes, whose lengths are outer, axis.size and inner. */
function poolAlong(values, outer, { size, windows, pad, taps, step }, inner, kind) {
  const isMax = kind === "max";
  const out = new Float64Array(outer * windows * inner).fill(isMax ? -Infinity : 0);
  for (let block = 0; block < outer; block++) {
    for (let index = 0; index < windows; index++) {
      const target = (block * windows + index) * inner;
      const end = Math.min(index * step - pad + taps, size);
      for (let place = Math.max(index * step - pad, 0); place < end; place++) {
        const source = (block * size + place) * inner;
        for (let each = 0; each < inner; each++) {
          const value = values[source + each];
          if (!isMax) {
            out[target + each] += value;
          } else if (value > out[target + each] || Number.isNaN(value)) {
            out[target + each] = value;
          }
        }
      }
    }
  }
  return out;
}

/** Reduce each map to one value. */
function globalMap(kind, { shape: [rows, columns, channels], values }) {
  const axis = { size: rows * columns, windows: 1, pad: 0, taps: rows * columns, step: 1 };
  const reduced = poolAlong(values, 1, axis, channels, kind);
  return {
    shape: [1, 1, channels],
    values: kind === "max" ? reduced : reduced.map((sum) => sum / (rows * columns)),
  };
}

/** Reduce the channels to one map. */
function channelMap(kind, { shape: [rows, columns, channels], values }) {
  const axis = { size: channels, windows: 1, pad: 0, taps: channels, step: 1 };
  const reduced = poolAlong(values, rows * columns, axis, 1, kind);
  return {
    shape: [rows, columns, 1],
    values: kind === "max" ? reduced : reduced.map((sum) => sum / channels),
  };
}

function normalizedMaps(eps, { shape, values }) {
  const [rows, columns, channels] = shape;
  const count = rows * columns;
  const out = new Float64Array(values.length);
  for (let channel = 0; channel < channels; channel++) {
    // Subtracting the first value makes a constant map exactly 0.
    let own = Float64Array.from(
      { length: count },
      (_, place) => values[place * channels + channel] - values[channel],
    );
    const mean = sumOf(own) / count;
    own = own.map((value) => value - mean);
    const largest = own.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const isLarge = largest > MAX_SQUARED; // eps is negligible beside such values
    if (isLarge) {
      own = own.map((value) => value / largest);
    }
    const variance = sumOf(own.map((value) => value * value)) / count;
    const deviation = Math.sqrt(variance + (isLarge ? 0 : eps));
    own.forEach((value, place) => {
      out[place * channels + channel] = value / deviation;
    });
  }
  return { shape, values: out };
}

function sumOf(numbers) {
  return numbers.reduce((sum, number) => sum + number, 0);
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

/** Return which values of a layer's padded input a region of its output reads. */
function regionRead(layer, [rows, columns, channels], region) {
  const every = (count) => Array.from({ length: count }, (_, place) => place);
  switch (layer.name) {
    case "conv":
      return regionConvolved(layer, [rows, columns, channels], region);
    case "maxpool":
    case "avgpool": {
      const geometry = poolGeometry(layer, [rows, columns]);
      const read = placesRead([geometry], region);
      // Of a window that reaches beyond the padding, the rest holds nothing.
      const end = [rows + geometry.pads.top, columns + geometry.pads.left];
      return {
        ...region,
        rows: read.rows.filter((row) => row < end[0]),
        columns: read.columns.filter((column) => column < end[1]),
      };
    }
    case "globalpool":
      return { ...region, rows: every(rows), columns: every(columns) };
    case "channelpool":
      return { ...region, channels: every(channels) };
  }
  return region;
}

function regionConvolved({ groups, conv }, [rows, columns, channels], region) {
  const kernels = [];
  const read = new Set();
  let first = 0; // map of a group
  for (const group of groups) {
    const count = countMaps(group, channels);
    const own = region.channels.filter((map) => map >= first && map < first + count);
    if (own.length > 0) {
      kernels.push(...group.kernels);
      const isSum = group.kernels[0].addsChannels;
      for (let channel = 0; channel < channels; channel++) {
        if (isSum || own.includes(first + channel)) {
          read.add(channel);
        }
      }
    }
    first += count;
  }
  const geometries = kernels.map((kernel) => convGeometry([rows, columns], kernel.shape, conv));
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
