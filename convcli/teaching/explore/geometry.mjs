/**
 * How a kernel slides over an image: pads, sizes, borders. Pairs are [rows, columns].
 *
 * The rules and the messages are those of convcli/geometry.py and convcli/core/padding.py.
 */

import { quoted, UsageError } from "./errors.mjs";

export const OPERATIONS = ["correlate", "convolve"];
export const PADDING_RULES = ["same", "valid", "full", "same-upper", "same-lower", "causal"];
export const ANCHORS = ["before", "after"];
const OWN_ANCHORS = PADDING_RULES.slice(3); // they say which place of a window its output stands for
export const BORDERS = ["edge", "zero", "reflect", "symmetric", "wrap", "constant"];
const BORDER_SYNONYMS = {
  replicate: "edge",
  nearest: "edge",
  zeros: "zero",
  mirror: "reflect",
  circular: "wrap",
};
export const BORDER_NAMES = [...BORDERS, ...Object.keys(BORDER_SYNONYMS)];

/** The index of a place in the padding whose border holds a fill value. */
export const OUTSIDE = -1;

/** Rows and columns as width x height. */
export function sizeText([rows, columns]) {
  return `${columns}x${rows}`;
}

/** A count with its noun, in the plural unless it is 1. */
export function countText(count, noun) {
  return count === 1 ? `1 ${noun}` : `${count.toLocaleString("en-US")} ${noun}s`;
}

/** One number for two equal ones, otherwise both with a comma between. */
export function pairText([rows, columns]) {
  return rows === columns ? `${rows}` : `${rows},${columns}`;
}

/** Return numpy's name of a border, or of one of its synonyms. */
export function borderName(border) {
  if (!BORDER_NAMES.includes(border)) {
    throw new UsageError(`border must be one of ${BORDER_NAMES.join(", ")}, not ${quoted(border)}`);
  }
  return BORDER_SYNONYMS[border] ?? border;
}

/** Return one whole number, or [rows, columns], as a pair. */
export function asPair(value, name, least) {
  const numbers = Array.isArray(value) ? value : [value, value];
  if (numbers.length !== 2) {
    throw new UsageError(`${name} takes one number or rows,columns, not ${numbers.length} numbers`);
  }
  return numbers.map((number) => checkedWhole(number, name, least));
}

/**
 * Compute the windows of one kernel over one image.
 *
 * @param {[number, number]} shape of the image
 * @param {[number, number]} kernel its rows and columns
 * @param {{padding: *, stride: *, dilation: *, operation: string, anchor: *}} conv as the options
 *   are given
 * @param {string} name of the kernel in messages
 * @returns {Geometry}
 *
 * @typedef {object} Geometry
 * @property {[number, number]} inputShape
 * @property {[number, number]} kernel
 * @property {{top: number, bottom: number, left: number, right: number}} pads
 * @property {[number, number]} stride
 * @property {[number, number]} dilation
 * @property {[number, number]} anchor the pixel of a window that its output is aligned with
 * @property {[number, number]} extent rows and columns that the dilated kernel covers
 * @property {[number, number]} paddedShape
 * @property {[number, number]} outputShape
 */
export function convGeometry(shape, kernel, conv, name = "kernel") {
  const { padding, stride, dilation, operation } = conv;
  const [strides, dilations] = [asPair(stride, "stride", 1), asPair(dilation, "dilation", 1)];
  if (!OPERATIONS.includes(operation)) {
    throw new UsageError(`operation must be ${OPERATIONS.join(" or ")}, not ${quoted(operation)}`);
  }
  const extent = kernel.map((taps, axis) => dilations[axis] * (taps - 1) + 1);
  const anchor = resolvedAnchor(conv, kernel, extent, dilations);
  const pads = resolvedPads(padding, extent, anchor, shape, strides);
  const padded = [shape[0] + pads.top + pads.bottom, shape[1] + pads.left + pads.right];
  if (extent[0] > padded[0] || extent[1] > padded[1]) {
    throw new UsageError(tooLarge(name, kernel, extent, padded, { shape, pads, dilations, operation }));
  }
  return {
    inputShape: shape,
    kernel,
    pads,
    stride: strides,
    dilation: dilations,
    anchor,
    extent,
    paddedShape: padded,
    outputShape: padded.map((side, axis) => Math.floor((side - extent[axis]) / strides[axis]) + 1),
  };
}

/** Return whether a signal and a kernel are a row and a column. */
function areAcross(signal, kernel) {
  return [0, 1].some(
    (along) =>
      signal[along] > 1 &&
      signal[1 - along] === 1 &&
      kernel[1 - along] > 1 &&
      kernel[along] === 1,
  );
}

function tooLarge(name, kernel, extent, padded, { shape, pads, dilations, operation }) {
  const isUndilated = dilations.every((step) => step === 1);
  const isLarger = extent[0] >= padded[0] && extent[1] >= padded[1];
  let advice =
    operation === "convolve" && isUndilated && isLarger
      ? "; convolution commutes: take the larger one as the input"
      : "";
  if (name === "kernel" && areAcross(shape, kernel)) {
    const [line, mark] = shape[1] === 1 ? ["column", ";"] : ["row", "spaces"];
    advice = `; the input is a ${line}: make the kernel one, with ${mark} between its weights`;
  } else if (name === "window" && Math.min(...shape) === 1 && Math.min(...kernel) > 1) {
    const [line, window] = shape[1] === 1 ? ["column", [kernel[0], 1]] : ["row", [1, kernel[1]]];
    advice = `; the input is a ${line}: make the window ${pairText(window)}`;
  }
  const dilated = isUndilated
    ? ""
    : ` (dilation ${pairText(dilations)}, extent ${sizeText(extent)})`;
  const prefix = Object.values(pads).some(Boolean) ? "padded " : "";
  const input = `${prefix}${sizeText(padded)} input`;
  return `${name} ${sizeText(kernel)}${dilated} exceeds the ${input}${advice}`;
}

/** Return the place in a window that its output stands for. */
function resolvedAnchor({ anchor, padding, operation }, kernel, extent, dilations) {
  if (OWN_ANCHORS.includes(padding)) {
    if (anchor !== "before") {
      throw new UsageError(`padding ${padding} has an anchor of its own; leave out the anchor`);
    }
    if (padding === "causal") {
      return extent.map((side) => side - 1);
    }
    return extent.map((side) => Math.floor((side - 1 + (padding === "same-lower")) / 2));
  }
  if (typeof anchor === "string") {
    if (!ANCHORS.includes(anchor)) {
      throw new UsageError(`anchor must be before, after or ROW,COL, not ${quoted(anchor)}`);
    }
    const isLater = (anchor === "after") !== (operation === "convolve"); // flipped with the kernel
    return extent.map((side) => Math.floor((side - 1 + isLater) / 2));
  }
  const [row, column] = asPair(anchor, "anchor", 0);
  if (row >= kernel[0] || column >= kernel[1]) {
    throw new UsageError(
      `anchor ${row},${column} is outside of the kernel: rows are 0 to ${kernel[0] - 1}, ` +
        `columns 0 to ${kernel[1] - 1}`,
    );
  }
  return [row * dilations[0], column * dilations[1]];
}

/** Check that a position lies in a feature map. */
export function checkPosition([row, column], [rows, columns]) {
  if (!(row >= 0 && row < rows && column >= 0 && column < columns)) {
    throw new UsageError(
      `position ${row},${column} is outside the ${sizeText([rows, columns])} feature map: ` +
        `rows are 0 to ${rows - 1}, columns 0 to ${columns - 1}`,
    );
  }
}

/** Return the least padding before and after one axis that gives ceil(n/s) outputs. */
function leastPads(side, reach, step, isUpper) {
  const total = Math.max((Math.ceil(side / step) - 1) * step + reach - side, 0);
  const fewer = Math.floor(total / 2);
  return isUpper ? [fewer, total - fewer] : [total - fewer, fewer];
}

export function resolvedPads(padding, extent, anchor, shape, strides) {
  const [down, across] = extent.map((side) => side - 1);
  if (typeof padding === "string") {
    switch (padding) {
      case "valid":
        return { top: 0, bottom: 0, left: 0, right: 0 };
      case "same": {
        const [top, left] = anchor;
        return { top, bottom: down - top, left, right: across - left };
      }
      case "full":
        return { top: down, bottom: down, left: across, right: across };
      case "causal":
        return { top: down, bottom: 0, left: across, right: 0 };
      case "same-upper":
      case "same-lower": {
        const [[top, bottom], [left, right]] = shape.map((side, axis) =>
          leastPads(side, extent[axis], strides[axis], padding === "same-upper"),
        );
        return { top, bottom, left, right };
      }
    }
    throw new UsageError(
      `padding must be ${PADDING_RULES.join(", ")}, a number, (vertical, horizontal) or ` +
        `(top, bottom, left, right), not ${quoted(padding)}`,
    );
  }
  const sides = Array.isArray(padding) ? padding : [padding];
  const numbers = sides.map((side) => checkedWhole(side, "padding", 0));
  switch (numbers.length) {
    case 1:
      return { top: numbers[0], bottom: numbers[0], left: numbers[0], right: numbers[0] };
    case 2:
      return { top: numbers[0], bottom: numbers[0], left: numbers[1], right: numbers[1] };
    case 4: {
      const [top, bottom, left, right] = numbers;
      return { top, bottom, left, right };
    }
  }
  throw new UsageError(
    "padding takes a number, (vertical, horizontal) or (top, bottom, left, right), not " +
      `${numbers.length} numbers`,
  );
}

function checkedWhole(value, name, least) {
  if (!Number.isSafeInteger(value)) {
    throw new UsageError(`${name} must be a whole number, not ${quoted(value)}`);
  }
  if (value < least) {
    throw new UsageError(`${name} must be at least ${least}, not ${value}`);
  }
  return value;
}

/** Return the index of the pixel that a position of an axis shows, or OUTSIDE for a fill value. */
export function borderAt(position, size, border) {
  if (position >= 0 && position < size) {
    return position;
  }
  switch (border) {
    case "edge":
      return position < 0 ? 0 : size - 1;
    case "wrap":
      return modulo(position, size);
    case "symmetric": {
      const index = modulo(position, 2 * size);
      return Math.min(index, 2 * size - 1 - index);
    }
    case "reflect": {
      const index = modulo(position, Math.max(2 * size - 2, 1));
      return Math.min(index, Math.abs(2 * size - 2 - index));
    }
  }
  return OUTSIDE;
}

function modulo(number, divisor) {
  return ((number % divisor) + divisor) % divisor;
}

/** Return runs of neighbors among ascending numbers: the first and the last of each. */
export function runsOf(numbers) {
  const runs = [];
  for (const number of numbers) {
    if (runs.length > 0 && number === runs.at(-1)[1] + 1) {
      runs.at(-1)[1] = number;
    } else {
      runs.push([number, number]);
    }
  }
  return runs;
}

/** Return [first row, first column] of an output's window, counted in the unpadded image. */
export function windowStart(geometry, [row, column]) {
  const { stride, pads } = geometry;
  return [row * stride[0] - pads.top, column * stride[1] - pads.left];
}

/** Return the rows and the columns of an output's window; negative ones lie in the padding. */
export function windowPlaces(geometry, at) {
  return windowStart(geometry, at).map((first, axis) =>
    Array.from(
      { length: geometry.kernel[axis] },
      (_, tap) => first + tap * geometry.dilation[axis],
    ),
  );
}

/** Return whether a position lies in an image, not in its padding. */
export function isInImage(position, shape) {
  return position.every((place, axis) => place >= 0 && place < shape[axis]);
}

/**
 * Return the rows and the columns of the padded input that hold a pixel: its own, and those of its
 * copies. A position in the padding holds itself only.
 *
 * Positions are counted in the unpadded image: those in the padding may be negative.
 */
export function placesHolding({ inputShape, paddedShape, pads }, position, border) {
  if (!isInImage(position, inputShape)) {
    return position.map((place) => [place]);
  }
  return position.map((place, axis) => {
    const before = axis === 0 ? pads.top : pads.left;
    return Array.from({ length: paddedShape[axis] }, (_, index) => index - before).filter(
      (each) => borderAt(each, inputShape[axis], border) === place,
    );
  });
}

/** Return the outputs whose windows weigh a pixel or one of its copies, as [row, column] pairs. */
export function outputsFedBy(geometry, position, border) {
  const along = placesHolding(geometry, position, border).map((places, axis) => {
    const before = axis === 0 ? geometry.pads.top : geometry.pads.left;
    const found = new Set();
    for (const place of places) {
      for (let tap = geometry.kernel[axis] - 1; tap >= 0; tap--) {
        const start = place + before - tap * geometry.dilation[axis];
        const index = start / geometry.stride[axis];
        if (Number.isInteger(index) && index >= 0 && index < geometry.outputShape[axis]) {
          found.add(index);
        }
      }
    }
    return [...found];
  });
  return along[0].flatMap((row) => along[1].map((column) => [row, column]));
}
