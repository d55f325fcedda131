/**
 * From the values of a feature map to pixels: the rules of convcli/images/value_range.py.
 *
 * `maxValue` is 255 or 65535; null for plain numbers, which have no white and are never clipped.
 */

import { UsageError } from "./errors.mjs";

export const RANGES = ["clip", "abs", "offset", "rescale", "percentile", "raw"];

/** Round to the nearest whole number, halves to even. */
export function roundHalfEven(number) {
  const floor = Math.floor(number);
  const rest = number - floor;
  if (rest !== 0.5) {
    return rest < 0.5 ? floor : floor + 1;
  }
  return floor % 2 === 0 ? floor : floor + 1;
}

/**
 * Return the values that become black and white; null for ranges that do not depend on the map.
 *
 * `percents` are the percentiles that range percentile maps to them.
 */
export function extremesOf(values, range, percents) {
  if (range !== "rescale" && range !== "percentile") {
    return null;
  }
  const finite = values.filter(Number.isFinite);
  if (finite.length === 0) {
    return [NaN, NaN];
  }
  if (range === "rescale") {
    return [finite.reduce((a, b) => Math.min(a, b)), finite.reduce((a, b) => Math.max(a, b))];
  }
  finite.sort();
  return percents.map((percent) => percentile(finite, percent));
}

/** Interpolate linearly between sorted numbers, as numpy.percentile does. */
function percentile(sorted, percent) {
  const place = (percent / 100) * (sorted.length - 1);
  const below = Math.floor(place);
  const [low, high] = [sorted[below], sorted[Math.min(below + 1, sorted.length - 1)]];
  const share = place - below;
  return share < 0.5 ? low + (high - low) * share : high - (high - low) * (1 - share);
}

/** Return the gray that `offset` adds. */
export function middleGray(maxValue) {
  return Math.floor(maxValue / 2) + 1;
}

/**
 * Return a function from a value to its pixel.
 *
 * @param {string} range one of RANGES
 * @param {number | null} maxValue
 * @param {[number, number] | null} extremes from extremesOf
 */
export function pixelRule(range, maxValue, extremes) {
  const onScale = scaleRule(range, maxValue, extremes);
  if (maxValue === null || range === "raw") {
    return onScale;
  }
  return (value) => {
    const number = onScale(value);
    return Number.isNaN(number) ? 0 : Math.min(Math.max(roundHalfEven(number), 0), maxValue);
  };
}

/**
 * Return the pixels of values; the other arguments are those of pixelRule.
 *
 * Pixels of 8 bits are rounded and saturated by the array that they are written to, in a tenth of
 * the time of the rule: ToUint8Clamp of ECMAScript rounds half to even, and makes NaN 0.
 */
export function pixelsOf(values, range, maxValue, extremes) {
  if (maxValue !== 255 || range === "raw") {
    return values.map(pixelRule(range, maxValue, extremes));
  }
  if (range === "clip") {
    return new Uint8ClampedArray(values);
  }
  const onScale = scaleRule(range, maxValue, extremes);
  const pixels = new Uint8ClampedArray(values.length);
  for (let place = 0; place < pixels.length; place++) {
    pixels[place] = onScale(values[place]);
  }
  return pixels;
}

/** Return a function from a value to where it lies on the scale of pixels, between two of them. */
function scaleRule(range, maxValue, extremes) {
  if (!RANGES.includes(range)) {
    throw new UsageError(`unknown range '${range}'; use one of ${RANGES.join(", ")}`);
  }
  if (range === "offset" && maxValue === null) {
    throw new UsageError(
      "--range offset needs 8- or 16-bit pixels; for plain numbers use clip, rescale or raw",
    );
  }
  switch (range) {
    case "clip":
    case "raw":
      return (value) => value;
    case "abs":
      return Math.abs;
    case "offset":
      return (value) => value + middleGray(maxValue);
  }
  const [low, high] = extremes;
  const isPercentile = range === "percentile";
  return (value) => {
    const inside = isPercentile ? clamp(value, low, high) : value;
    // Divide before multiplying: the highest must become white exactly. In halves, since the
    // difference can exceed what a double holds.
    const share = (inside * 0.5 - low / 2) / (high > low ? high / 2 - low / 2 : Infinity);
    return maxValue === null ? share : share * maxValue;
  };
}

function clamp(value, low, high) {
  return Number.isNaN(value) ? value : Math.min(Math.max(value, low), high);
}

/**
 * Return a function that says whether a value loses something beyond black or white.
 *
 * The arguments are those of pixelRule.
 */
export function clippedRule(range, maxValue, extremes) {
  if (range === "percentile") {
    const [low, high] = extremes;
    return (value) => value < low || value > high;
  }
  if (maxValue === null || range === "rescale" || range === "raw") {
    return () => false;
  }
  // Half to even: -0.5 becomes 0, while 255.5 becomes 256.
  const isBeyond = (number) => number < -0.5 || number >= maxValue + 0.5;
  switch (range) {
    case "abs":
      return (value) => isBeyond(Math.abs(value));
    case "offset":
      return (value) => isBeyond(value + middleGray(maxValue));
  }
  return isBeyond;
}
