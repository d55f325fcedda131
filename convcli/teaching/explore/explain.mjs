/**
 * One value of a feature map, number by number: the data of convcli/teaching/explain.
 *
 * Values are those of the map, computed in doubles; the products and sums that lead to them are
 * computed here in decimal arithmetic.
 *
 * @typedef {object} Response the value of one kernel, `sum / divisor + bias`
 * @property {string} kernel its name
 * @property {number[]} rows the input row under each row of the kernel; others are padding
 * @property {number[]} columns
 * @property {boolean[][]} padding which weights lie on padding
 * @property {Sum[]} sums one for each channel that is summed over
 * @property {number | bigint} sum over all channels
 * @property {number} divisor
 * @property {number} bias
 * @property {number} value
 *
 * @typedef {object} Sum
 * @property {string} channel empty if the kernel sees only one
 * @property {number[][]} window
 * @property {number[][]} weights as they are applied
 * @property {(number | bigint)[][]} products
 * @property {number | bigint} sum
 */

import {
  exactProduct,
  exactSum,
  exactTotal,
  reliableDecimals,
  roundNumber,
  toNumber,
} from "./decimals.mjs";
import { borderAt, checkPosition, convGeometry, OUTSIDE, windowPlaces } from "./geometry.mjs";
import { pixelRule } from "./pixels.mjs";
import { appliedPlanes, combined } from "./sums.mjs";

const WEIGHT_DIGITS = 15; // the last digits of computed weights are rounding errors

/**
 * Explain one value of a filtered image.
 *
 * @param {object} image {shape, values, channels: names}
 * @param {object} filter {label, kernels, combine, conv, range, maxValue, extremes}
 * @param {[number, number]} at its position in the feature map
 * @param {(kernel: number, channel: number) => number} valueOf of the kernels' maps at the position
 */
export function explain(image, filter, at, valueOf) {
  const { kernels, conv } = filter;
  const shape = image.shape.slice(0, 2);
  const geometries = kernels.map((kernel) => convGeometry(shape, kernel.shape, conv));
  const [geometry] = geometries;
  checkPosition(at, geometry.outputShape);
  const names = kernels[0].addsChannels || image.shape[2] === 1 ? [""] : image.channels;
  const toPixel = pixelRule(filter.range, filter.maxValue, filter.extremes);
  const outputs = names.map((channel, number) => {
    const responses = kernels.map((kernel, index) =>
      responseOf(image, kernel, geometries[index], at, number, conv, valueOf(index, number)),
    );
    const values = responses.map((response) => response.value);
    const value = filter.combine === null ? values[0] : combined(values, filter.combine);
    return { channel, responses, value, pixel: toPixel(value) };
  });
  return {
    kernel: filter.label,
    at,
    inputShape: shape,
    outputShape: geometry.outputShape,
    operation: conv.operation,
    pads: geometry.pads,
    border: conv.border,
    fill: conv.border === "constant" ? conv.fill : 0,
    combine: filter.combine,
    range: filter.range,
    maxValue: filter.range === "raw" ? null : filter.maxValue,
    extremes: filter.extremes,
    outputs,
  };
}

export function responseOf(image, kernel, geometry, at, channel, conv, value) {
  const planes = appliedPlanes(kernel, conv.operation);
  const [rows, columns] = windowPlaces(geometry, at);
  const [height, width] = geometry.inputShape;
  const padding = rows.map((row) =>
    columns.map((column) => row < 0 || row >= height || column < 0 || column >= width),
  );
  const channels = kernel.addsChannels ? planes.map((_, number) => number) : [channel];
  const parts = channels.map((number, index) => ({
    channel: kernel.addsChannels ? image.channels[number] : "",
    window: windowValues(image, number, rows, columns, conv),
    weights: rows.map((_, row) =>
      Array.from(planes[index].slice(row * columns.length, (row + 1) * columns.length)),
    ),
  }));
  return { ...summed(kernel, parts, value), rows, columns, padding };
}

/** Return a response without its places: the products and sums of windows, {channel, window, weights}. */
export function summed({ name, divisor, bias }, parts, value) {
  const totals = [];
  const sums = parts.map(({ channel, window, weights }) => {
    const exact = window.map((line, row) =>
      line.map((pixel, column) => exactProduct(pixel, weights[row][column])),
    );
    totals.push(exactSum(exact.flat()));
    return {
      channel,
      window,
      weights,
      products: exact.map((line) => line.map(toNumber)),
      sum: toNumber(totals.at(-1)),
    };
  });
  return { kernel: name, sums, sum: toNumber(exactSum(totals)), divisor, bias, value };
}

export function windowValues(image, channel, rows, columns, { border, fill }) {
  const [height, width, channels] = image.shape;
  const outside = border === "constant" ? fill : 0;
  return rows.map((row) => {
    const source = borderAt(row, height, border);
    return columns.map((column) => {
      const place = borderAt(column, width, border);
      const isFill = source === OUTSIDE || place === OUTSIDE;
      return isFill ? outside : image.values[(source * width + place) * channels + channel];
    });
  });
}

/**
 * Round the results of an explanation to their reliable decimals.
 *
 * Whole numbers stay exact. A sum that differs from the map's value only by what the map's type
 * rounds is that value.
 *
 * @param {object} explanation
 * @param {number} bound the magnitude that sets the decimals
 * @param {number | null} windowDecimals those of the window, if a layer's maps are read; null: all
 */
export function asShown(explanation, bound = largestSum(explanation), windowDecimals = null) {
  const decimals = reliableDecimals(bound);
  const { extremes } = explanation;
  const rounded = (number) => roundNumber(number, decimals);
  let pixelDecimals = decimals;
  if (extremes !== null) {
    pixelDecimals = reliableDecimals(Math.max(bound / (extremes[1] - extremes[0] || 1), 1));
  }
  const shownResponse = (response) => {
    const value = rounded(response.value);
    let sums = response.sums.map((part) => ({
      ...part,
      window: part.window.map((row) => row.map((number) => roundNumber(number, windowDecimals))),
      weights: part.weights.map((row) => row.map(significant)),
      products: shownProducts(part.products, decimals),
      sum: rounded(part.sum),
    }));
    let sum = rounded(response.sum);
    if (response.divisor === 1) {
      const start = rounded(toNumber(exactTotal([value, -response.bias])));
      const isFraction = typeof sum === "number" && !Number.isInteger(response.sum);
      if (isFraction && Math.abs(sum - start) < 1.5 * 10 ** -decimals) {
        sum = start;
        sums = sums.length === 1 ? sums.map((part) => ({ ...part, sum })) : sums;
      }
    }
    return { ...response, sums, sum, value };
  };
  return {
    ...explanation,
    extremes: extremes && extremes.map(rounded),
    outputs: explanation.outputs.map((output) => ({
      ...output,
      responses: output.responses.map(shownResponse),
      value: rounded(output.value),
      pixel: roundNumber(output.pixel, pixelDecimals),
    })),
  };
}

/** Round products; a huge one takes the decimals of the sum, but not of the others. */
function shownProducts(products, decimals) {
  const smaller = decimals > 0 ? [] : magnitudesBelow(1 / (8 * Number.EPSILON), products);
  const places = decimals || reliableDecimals(Math.max(0, ...smaller));
  return products.map((row) => row.map((number) => roundNumber(number, places)));
}

/** Return the magnitudes below a limit; NaN and infinity have no digits. */
function magnitudesBelow(limit, grid) {
  return grid.flat().map((number) => Math.abs(Number(number))).filter((number) => number < limit);
}

/** Return the largest magnitude that a value could have had. */
function largestSum(explanation) {
  let largest = 0;
  const count = (bound) => {
    if (Number.isFinite(bound)) {
      largest = Math.max(largest, bound);
    }
  };
  for (const output of explanation.outputs) {
    count(Math.abs(output.value));
    for (const { sums, divisor, bias } of output.responses) {
      const products = sums.flatMap((part) => magnitudesBelow(Infinity, part.products));
      const total = products.reduce((sum, number) => sum + number, 0);
      count(total / Math.abs(divisor) + Math.abs(bias));
    }
  }
  return largest;
}

function significant(weight) {
  return Number.isInteger(weight) ? weight : Number(weight.toPrecision(WEIGHT_DIGITS));
}
