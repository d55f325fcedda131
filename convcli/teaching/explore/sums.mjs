/**
 * The sums of a convolution in doubles, and how the maps of several kernels become one.
 *
 * An image is {shape: [rows, columns, channels], values: Float64Array}, channels interleaved. A
 * kernel is {name, shape: [rows, columns], planes: [Float64Array, ...], addsChannels, isInteger,
 * divisor, bias}: one plane filters each channel on its own, or, where it adds channels, there is a
 * plane for each. Weights that are typed with a decimal point are no integers, as in Python.
 * Planes hold the weights as they are written; a convolution flips them here.
 */

import { borderAt, convGeometry, OUTSIDE } from "./geometry.mjs";

/** Return a kernel's planes as they are applied: flipped in both axes for a convolution. */
export function appliedPlanes(kernel, operation) {
  return operation === "convolve"
    ? kernel.planes.map((plane) => plane.toReversed())
    : kernel.planes;
}

/** Return one channel of an image with its padding, row by row. */
function paddedPlane(image, channel, geometry, border, fill) {
  const [rows, columns] = geometry.paddedShape;
  const [height, width, channels] = image.shape;
  const { top, left } = geometry.pads;
  const out = new Float64Array(rows * columns);
  const sources = Int32Array.from({ length: columns }, (_, x) => borderAt(x - left, width, border));
  for (let y = 0, place = 0; y < rows; y++) {
    const row = borderAt(y - top, height, border);
    const start = row * width;
    for (let x = 0; x < columns; x++, place++) {
      const column = sources[x];
      const isFill = row === OUTSIDE || column === OUTSIDE;
      out[place] = isFill ? fill : image.values[(start + column) * channels + channel];
    }
  }
  return out;
}

/**
 * Cross-correlate an image with one kernel.
 *
 * Each weight adds its multiple of the shifted image, so that the inner loop runs over neighbors in
 * memory. A weight of 0 adds nothing, not even to NaN.
 *
 * @returns {{shape: [number, number, number], values: Float64Array}}
 */
export function correlate(image, kernel, conv) {
  const channels = image.shape[2];
  const geometry = convGeometry(image.shape.slice(0, 2), kernel.shape, conv);
  const planes = appliedPlanes(kernel, conv.operation);
  const fill = conv.border === "constant" ? conv.fill : 0;
  const padded = Array.from({ length: channels }, (_, channel) =>
    paddedPlane(image, channel, geometry, conv.border, fill),
  );
  const [rows, columns] = geometry.outputShape;
  const maps = kernel.addsChannels ? 1 : channels;
  const values = new Float64Array(rows * columns * maps);
  for (let map = 0; map < maps; map++) {
    const sums = new Float64Array(rows * columns);
    if (kernel.addsChannels) {
      planes.forEach((plane, channel) => addTaps(sums, padded[channel], plane, geometry));
    } else {
      addTaps(sums, padded[map], planes[0], geometry);
    }
    for (let place = 0; place < sums.length; place++) {
      values[place * maps + map] = sums[place] / kernel.divisor + kernel.bias;
    }
  }
  return { shape: [rows, columns, maps], values };
}

function addTaps(sums, padded, weights, geometry) {
  const taps = []; // a weight, and the distance of its pixel from the window's first
  weights.forEach((weight, tap) => {
    if (weight !== 0) {
      const row = Math.floor(tap / geometry.kernel[1]) * geometry.dilation[0];
      const column = (tap % geometry.kernel[1]) * geometry.dilation[1];
      taps.push([weight, row * geometry.paddedShape[1] + column]);
    }
  });
  const fours = taps.length - (taps.length % 4);
  for (let first = 0; first < fours; first += 4) {
    addFour(sums, padded, taps.slice(first, first + 4), geometry);
  }
  for (const tap of taps.slice(fours)) {
    addOne(sums, padded, tap, geometry);
  }
}

/** Add four taps at once, one after the other: sums are read and written a fourth as often. */
function addFour(sums, padded, [[w0, at0], [w1, at1], [w2, at2], [w3, at3]], geometry) {
  const [rows, columns] = geometry.outputShape;
  const [down, across] = geometry.stride;
  for (let row = 0, place = 0; row < rows; row++) {
    let source = row * down * geometry.paddedShape[1];
    for (let column = 0; column < columns; column++, place++, source += across) {
      sums[place] =
        sums[place] +
        w0 * padded[source + at0] +
        w1 * padded[source + at1] +
        w2 * padded[source + at2] +
        w3 * padded[source + at3];
    }
  }
}

function addOne(sums, padded, [weight, at], geometry) {
  const [rows, columns] = geometry.outputShape;
  const [down, across] = geometry.stride;
  for (let row = 0, place = 0; row < rows; row++) {
    let source = row * down * geometry.paddedShape[1] + at;
    for (let column = 0; column < columns; column++, place++, source += across) {
      sums[place] += weight * padded[source];
    }
  }
}

/** How the values of several kernels become one: begin with the first, add others, and finish. */
const COMBINERS = {
  magnitude: {
    begin: (value) => value * value,
    add: (sum, value) => sum + value * value,
    finish: Math.sqrt,
  },
  max: { begin: (value) => value, add: Math.max, finish: (value) => value },
  sum: { begin: (value) => value, add: (sum, value) => sum + value, finish: (value) => value },
  mean: {
    begin: (value) => value,
    add: (sum, value) => sum + value,
    finish: (sum, count) => sum / count,
  },
};
export const COMBINATIONS = Object.keys(COMBINERS);

/** Return what the values of several kernels at one place are combined to. */
export function combined(numbers, combine) {
  const { begin, add, finish } = COMBINERS[combine];
  const [first, ...others] = numbers;
  return finish(
    others.reduce((sum, value) => add(sum, value), begin(first)),
    numbers.length,
  );
}

/** Return the one map that those of several kernels are combined to; null: there is only one. */
export function combineMaps(maps, combine) {
  const [first, ...others] = maps;
  if (combine === null) {
    return first;
  }
  const { begin, add, finish } = COMBINERS[combine];
  const values = first.values.map(begin);
  for (const other of others) {
    for (let place = 0; place < values.length; place++) {
      values[place] = add(values[place], other.values[place]);
    }
  }
  for (let place = 0; place < values.length; place++) {
    values[place] = finish(values[place], maps.length);
  }
  return { shape: first.shape, values };
}

/** Return maps of one size as one map, the channels of each after those of the one before. */
export function stackMaps(maps) {
  const [rows, columns] = maps[0].shape;
  const channels = maps.reduce((sum, map) => sum + map.shape[2], 0);
  const values = new Float64Array(rows * columns * channels);
  let offset = 0;
  for (const map of maps) {
    const own = map.shape[2];
    for (let place = 0; place < rows * columns; place++) {
      for (let channel = 0; channel < own; channel++) {
        values[place * channels + offset + channel] = map.values[place * own + channel];
      }
    }
    offset += own;
  }
  return { shape: [rows, columns, channels], values };
}
