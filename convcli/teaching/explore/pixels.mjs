/**
 * From the values of a feature map to pixels: the rules of convcli/images/value_range.py.
 *
 * `maxValue` is 255 or 65535; null for plain numbers, which have no white and are never clipped.
 */

import { UsageError } from "./errors.mjs";
import { extentOf } from "./extent.mjs";

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
  const { ends, areFinite } = extentOf(values);
  const finite = areFinite ? values : values.filter(Number.isFinite);
  if (finite.length === 0) {
    return [NaN, NaN];
  }
  if (range === "rescale") {
    return ends;
  }
  const sorted = finite.toSorted();
  return percents.map((percent) => percentile(sorted, percent));
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
    return saturated(values);
  }
  const onScale = scaleRule(range, maxValue, extremes);
  const pixels = new Uint8ClampedArray(values.length);
  for (let place = 0; place < pixels.length; place++) {
    pixels[place] = onScale(values[place]);
  }
  return pixels;
}

// So large that the sum with a smaller number is a whole one, rounded half to even.
const TO_WHOLE = 1.5 * 2 ** 52;
const MAX_WHOLE = 2 ** 31 - 1; // of the integers of bit operators

/**
 * Return values rounded half to even and saturated to 8 bits, as Uint8ClampedArray does it.
 *
 * Bit operators take a third of that array's time: they ask nothing about a value, while processors
 * cannot guess on which side of black and white those of an edge map lie. They need numbers of 32 bits.
 */
function saturated(values) {
  const { ends, areFinite } = extentOf(values);
  if (!areFinite || ends[0] < -MAX_WHOLE || ends[1] > MAX_WHOLE) {
    return new Uint8ClampedArray(values);
  }
  const pixels = new Uint8ClampedArray(values.length);
  for (let place = 0; place < pixels.length; place++) {
    const whole = (values[place] + TO_WHOLE - TO_WHOLE) | 0;
    const darkness = 255 - (whole & ~(whole >> 31)); // `number & ~(number >> 31)` is max(number, 0)
    pixels[place] = 255 - (darkness & ~(darkness >> 31));
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
 * Return the least and the greatest value that lose nothing beyond black or white.
 *
 * The arguments are those of pixelRule.
 */
export function unclippedEnds(range, maxValue, extremes) {
  if (range === "percentile") {
    return extremes;
  }
  if (maxValue === null || range === "rescale" || range === "raw") {
    return [-Infinity, Infinity];
  }
  // Half to even: -0.5 becomes 0, while 255.5 becomes 256; this is the double before 255.5.
  const most = (maxValue + 0.5) * (1 - Number.EPSILON / 2);
  switch (range) {
    case "abs":
      return [-most, most];
    case "offset":
      return [-0.5 - middleGray(maxValue), most - middleGray(maxValue)];
  }
  return [-0.5, most];
}

/** Return whether a value lies beyond the ends of those that lose nothing. */
export function isClipped(value, [least, most]) {
  return value < least || value > most;
}
