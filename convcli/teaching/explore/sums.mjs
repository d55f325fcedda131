/**
 * The sums of a convolution in doubles, and how the maps of several kernels become one.
 *
 * An image is {shape: [rows, columns, channels], values: Float64Array}, channels interleaved. A
 * kernel is {name, shape: [rows, columns], planes: [Float64Array, ...], addsChannels, isInteger,
 * divisor, bias}: one plane filters each channel on its own, or, where it adds channels, there is a
 * plane for each. Weights that are typed with a decimal point are no integers, as in Python.
 * Planes hold the weights as they are written; a convolution flips them here.
 */

import { extentOf } from "./extent.mjs";
import { borderAt, convGeometry, OUTSIDE } from "./geometry.mjs";

/** Return a kernel's planes as they are applied: flipped in both axes for a convolution. */
export function appliedPlanes(kernel, operation) {
  return operation === "convolve"
    ? kernel.planes.map((plane) => plane.toReversed())
    : kernel.planes;
}

const KEPT = 4e6; // numbers
let scratch = new Float64Array(0);
const released = []; // memory of maps that nobody holds any more
const MAX_RELEASED = 2;
const SPARE = 1 / 16; // of a map, for the next sizes of a slider

/** Return an array for so many numbers, of any value, in memory that was released if some fits. */
function valuesOf(count) {
  const size = 8 * count;
  const fits = released.findIndex(({ byteLength }) => byteLength >= size && byteLength <= 2 * size);
  const [buffer] =
    fits < 0
      ? [new ArrayBuffer(8 * Math.ceil(count * (1 + SPARE)))]
      : released.splice(fits, 1);
  return new Float64Array(buffer, 0, count);
}

/**
 * Take the memory of a map from correlate, which nobody may hold any more, for the next maps: new
 * memory is brought in page by page, which takes 2 ms for 512x512 numbers.
 */
export function release({ values }) {
  if (values.length <= KEPT) {
    released.unshift(values.buffer);
    released.splice(MAX_RELEASED);
  }
}

/** Return an array for so many numbers, of any value, which the next call may return again. */
function scratchOf(count) {
  if (count > KEPT) {
    return new Float64Array(count);
  }
  if (count > scratch.length) {
    scratch = new Float64Array(Math.min(2 * count, KEPT));
  }
  return scratch.subarray(0, count);
}

/**
 * Return an image with its padding, and zeros behind it: in an array that holds until the next call.
 *
 * @param {number} lanes how many channels lie interleaved: all of them, or 1 for one plane after the
 *   other
 */
function paddedValues(image, geometry, border, fill, lanes, zeros) {
  const [rows, columns] = geometry.paddedShape;
  const [height, width, channels] = image.shape;
  const { top, left } = geometry.pads;
  const { values } = image;
  const out = scratchOf(channels * rows * columns + zeros);
  out.fill(0, out.length - zeros);
  const sources = Array.from({ length: columns }, (_, x) => borderAt(x - left, width, border));
  const sides = [...sources.keys()].filter((x) => x < left || x >= left + width);
  for (let channel = 0, first = 0; channel < channels; channel += lanes) {
    for (let y = 0; y < rows; y++, first += columns * lanes) {
      const row = borderAt(y - top, height, border);
      if (row === OUTSIDE) {
        out.fill(fill, first, first + columns * lanes);
        continue;
      }
      const start = row * width * channels + channel;
      if (lanes === channels) {
        out.set(values.subarray(start, start + width * lanes), first + left * lanes);
      } else {
        for (let x = 0, place = first + left; x < width; x++, place++) {
          out[place] = values[start + x * channels];
        }
      }
      for (const x of sides) {
        for (let lane = 0; lane < lanes; lane++) {
          const isFill = sources[x] === OUTSIDE;
          out[first + x * lanes + lane] = isFill ? fill : values[start + sources[x] * channels + lane];
        }
      }
    }
  }
  return out;
}

/**
 * Cross-correlate an image with one kernel.
 *
 * Channels that are filtered alike stay interleaved, as if they were columns of one channel whose
 * neighbors lie further apart; those that a kernel adds become planes.
 *
 * Each row of the map is summed on its own, in a line that stays in the fastest cache, from runs of
 * five weights. A run computes four neighbors of the map at once: they share the pixels that they
 * weigh, so that eight reads serve twenty products. It takes 0.35 ns a product, a third of what
 * adding one shifted image after the other takes. Runs of three take a third longer for 5x5 and
 * larger. A kernel of up to 3x3 is summed whole and written at once, in two thirds of the time.
 *
 * A weight of 0 adds nothing, not even to NaN; the order of the sum is the same in all cases.
 *
 * @returns {{shape: [number, number, number], values: Float64Array}}
 */
export function correlate(image, kernel, conv) {
  const channels = image.shape[2];
  const geometry = convGeometry(image.shape.slice(0, 2), kernel.shape, conv);
  const planes = appliedPlanes(kernel, conv.operation);
  const lanes = kernel.addsChannels ? 1 : channels;
  const [rows, columns] = geometry.outputShape;
  const width = columns * lanes;
  const [down, across] = geometry.stride;
  const apart = geometry.dilation[1] * lanes;
  const fill = conv.border === "constant" ? conv.fill : 0;
  const together = 4 * apart; // places of a line that are summed in one step
  const canShare = across === 1 && width >= together;
  const zeros = canShare ? 2 * together : 0; // are read, and weighed by 0, beyond the last row
  const padded = paddedValues(image, geometry, conv.border, fill, lanes, zeros);
  // Others than finite numbers times 0 are NaN.
  const isShared = canShare && extentOf(image.values).areFinite && Number.isFinite(fill);
  const values = valuesOf(rows * width);
  const rowStep = down * geometry.paddedShape[1] * lanes;
  const { divisor, bias } = kernel;
  if (isShared && !kernel.addsChannels && Math.max(...kernel.shape) <= 3) {
    const block = blockOf9(planes[0], geometry, lanes);
    for (let row = 0; row < rows; row++) {
      writeBlock(values, row * width, width, padded, row * rowStep, apart, block, divisor, bias);
    }
    return { shape: [rows, columns, lanes], values };
  }
  const runs = kernel.addsChannels
    ? planes.flatMap((plane, channel) => runsOf5(plane, channel, geometry, 1))
    : runsOf5(planes[0], 0, geometry, lanes);
  const line = new Float64Array(Math.ceil(width / together) * together);
  for (let row = 0; row < rows; row++) {
    line.fill(0);
    for (const { at, weights } of runs) {
      const start = row * rowStep + at;
      if (isShared) {
        addShared(line, padded, start, apart, weights);
      } else {
        addEach(line, width, padded, start, across, lanes, apart, weights);
      }
    }
    for (let column = 0, place = row * width; column < width; column++, place++) {
      values[place] = line[column] / divisor + bias;
    }
  }
  return { shape: [rows, columns, lanes], values };
}

/**
 * Return a plane's weights in runs of five neighbors in a row; none begins with 0.
 *
 * @returns {{at: number, weights: Float64Array}[]} where in the padded values the first weight's
 *   pixel of the first window lies
 */
function runsOf5(plane, channel, { kernel, dilation, paddedShape }, lanes) {
  const runs = [];
  for (let row = 0; row < kernel[0]; row++) {
    const first = (channel * paddedShape[0] + row * dilation[0]) * paddedShape[1] * lanes;
    const line = plane.subarray(row * kernel[1], (row + 1) * kernel[1]);
    for (let column = 0; column < line.length; ) {
      if (line[column] === 0) {
        column += 1;
        continue;
      }
      const weights = new Float64Array(5);
      weights.set(line.subarray(column, column + 5));
      runs.push({ at: first + column * dilation[1] * lanes, weights });
      column += 5;
    }
  }
  return runs;
}

/**
 * Return up to 3x3 weights as nine, with zeros to the right and below.
 *
 * @returns {{weights: Float64Array, offsets: number[]}} how far from the first row of a window its
 *   second and third lie in the padded values; rows that the kernel lacks lie on the first
 */
function blockOf9(plane, { kernel, dilation, paddedShape }, lanes) {
  const [rows, columns] = kernel;
  const weights = new Float64Array(9);
  for (let row = 0; row < rows; row++) {
    weights.set(plane.subarray(row * columns, (row + 1) * columns), 3 * row);
  }
  const below = dilation[0] * paddedShape[1] * lanes;
  return { weights, offsets: [1, 2].map((row) => (row < rows ? row * below : 0)) };
}

/**
 * Write a row of windows that move by one pixel, four neighbors at once. The last ones may lie behind
 * the row, where they are overwritten by the next one, or behind the array, which ignores them.
 */
function writeBlock(values, first, width, padded, at, apart, { weights, offsets }, divisor, bias) {
  const w0 = weights[0]; // three times as fast as [w0, w1, ...]
  const w1 = weights[1];
  const w2 = weights[2];
  const w3 = weights[3];
  const w4 = weights[4];
  const w5 = weights[5];
  const w6 = weights[6];
  const w7 = weights[7];
  const w8 = weights[8];
  const [second, third] = offsets;
  for (let step = 0; step < width; step += 4 * apart) {
    for (let column = step; column < step + apart; column++) {
      const a = at + column;
      const b = a + second;
      const c = a + third;
      const a0 = padded[a];
      const a1 = padded[a + apart];
      const a2 = padded[a + 2 * apart];
      const a3 = padded[a + 3 * apart];
      const a4 = padded[a + 4 * apart];
      const a5 = padded[a + 5 * apart];
      const b0 = padded[b];
      const b1 = padded[b + apart];
      const b2 = padded[b + 2 * apart];
      const b3 = padded[b + 3 * apart];
      const b4 = padded[b + 4 * apart];
      const b5 = padded[b + 5 * apart];
      const c0 = padded[c];
      const c1 = padded[c + apart];
      const c2 = padded[c + 2 * apart];
      const c3 = padded[c + 3 * apart];
      const c4 = padded[c + 4 * apart];
      const c5 = padded[c + 5 * apart];
      const sum0 = w0 * a0 + w1 * a1 + w2 * a2 + (w3 * b0 + w4 * b1 + w5 * b2);
      const sum1 = w0 * a1 + w1 * a2 + w2 * a3 + (w3 * b1 + w4 * b2 + w5 * b3);
      const sum2 = w0 * a2 + w1 * a3 + w2 * a4 + (w3 * b2 + w4 * b3 + w5 * b4);
      const sum3 = w0 * a3 + w1 * a4 + w2 * a5 + (w3 * b3 + w4 * b4 + w5 * b5);
      const place = first + column;
      values[place] = (sum0 + (w6 * c0 + w7 * c1 + w8 * c2)) / divisor + bias;
      values[place + apart] = (sum1 + (w6 * c1 + w7 * c2 + w8 * c3)) / divisor + bias;
      values[place + 2 * apart] = (sum2 + (w6 * c2 + w7 * c3 + w8 * c4)) / divisor + bias;
      values[place + 3 * apart] = (sum3 + (w6 * c3 + w7 * c4 + w8 * c5)) / divisor + bias;
    }
  }
}

/** Add a run's products to a line of windows that move by one pixel. */
function addShared(line, padded, at, apart, weights) {
  const w0 = weights[0]; // three times as fast as [w0, w1, w2, w3, w4]
  const w1 = weights[1];
  const w2 = weights[2];
  const w3 = weights[3];
  const w4 = weights[4];
  for (let block = 0; block < line.length; block += 4 * apart) {
    for (let place = block; place < block + apart; place++) {
      const source = at + place;
      const x0 = padded[source];
      const x1 = padded[source + apart];
      const x2 = padded[source + 2 * apart];
      const x3 = padded[source + 3 * apart];
      const x4 = padded[source + 4 * apart];
      const x5 = padded[source + 5 * apart];
      const x6 = padded[source + 6 * apart];
      const x7 = padded[source + 7 * apart];
      line[place] += w0 * x0 + w1 * x1 + w2 * x2 + w3 * x3 + w4 * x4;
      line[place + apart] += w0 * x1 + w1 * x2 + w2 * x3 + w3 * x4 + w4 * x5;
      line[place + 2 * apart] += w0 * x2 + w1 * x3 + w2 * x4 + w3 * x5 + w4 * x6;
      line[place + 3 * apart] += w0 * x3 + w1 * x4 + w2 * x5 + w3 * x6 + w4 * x7;
    }
  }
}

/** Add a run's products to a line of windows that move by any step. */
function addEach(line, width, padded, at, across, lanes, apart, weights) {
  const w0 = weights[0]; // three times as fast as [w0, w1, w2, w3, w4]
  const w1 = weights[1];
  const w2 = weights[2];
  const w3 = weights[3];
  const w4 = weights[4];
  for (let lane = 0; lane < lanes; lane++) {
    for (let place = lane, source = at + lane; place < width; place += lanes) {
      const first = w0 * padded[source]; // never 0: runs begin with a weight
      const second = w1 === 0 ? 0 : w1 * padded[source + apart];
      const third = w2 === 0 ? 0 : w2 * padded[source + 2 * apart];
      const fourth = w3 === 0 ? 0 : w3 * padded[source + 3 * apart];
      const fifth = w4 === 0 ? 0 : w4 * padded[source + 4 * apart];
      line[place] += first + second + third + fourth + fifth;
      source += across * lanes;
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

/**
 * Return maps of one size as one map, the channels of each after those of the one before; a single
 * map as it is.
 */
export function stackMaps(maps) {
  if (maps.length === 1) {
    return maps[0];
  }
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
