/** A histogram of a map's values, from the least to the greatest; clipped values have a color. */

import { isClipped } from "./pixels.mjs";

const BINS = 64;
const PARTS = 64; // of a bin, which are counted first

/**
 * Count values in bins of one width.
 *
 * Asking for each value whether it is clipped takes three times as long as counting it, since
 * processors cannot guess the answer. So parts of bins are counted, which are clipped whole or not at
 * all, but for those that hold an end: their values are looked at one by one.
 *
 * @param {Float64Array} values those that are not finite are left out
 * @param {[number, number]} ends the least and the greatest finite value
 * @param {[number, number]} unclipped the least and the greatest value that is not clipped
 * @returns {{all: number[], clipped: number[], count: number}} count is of all clipped values
 */
export function histogramOf(values, [low, high], unclipped) {
  const parts = new Int32Array(BINS * PARTS);
  const last = parts.length - 1;
  const scale = high > low ? parts.length / (high - low) : 0;
  let count = 0;
  for (let place = 0; place < values.length; place++) {
    const value = values[place];
    if (Number.isFinite(value)) {
      parts[Math.min(((value - low) * scale) | 0, last)] += 1;
    } else if (isClipped(value, unclipped)) {
      count += 1;
    }
  }
  const partOf = (end) =>
    end < low ? -1 : end > high ? parts.length : Math.min(((end - low) * scale) | 0, last);
  const [first, final] = unclipped.map(partOf);
  const clipped = parts.map((all, part) => (part < first || part > final ? all : 0));
  if (parts[first] > 0 || parts[final] > 0) {
    for (let place = 0; place < values.length; place++) {
      const value = values[place];
      const part = Math.min(((value - low) * scale) | 0, last);
      if ((part === first || part === final) && isClipped(value, unclipped)) {
        clipped[part] += Number.isFinite(value);
      }
    }
  }
  const inBins = (counts) =>
    Array.from({ length: BINS }, (_, bin) => sum(counts.subarray(bin * PARTS, (bin + 1) * PARTS)));
  return { all: inBins(parts), clipped: inBins(clipped), count: count + sum(clipped) };
}

function sum(counts) {
  return counts.reduce((total, count) => total + count, 0);
}

/** Draw the counts into a canvas, in the text's color and, where clipped, in the accent's. */
export function drawHistogram(canvas, { all, clipped }) {
  const style = canvas.ownerDocument.defaultView.getComputedStyle(canvas);
  const context = canvas.getContext("2d");
  // Roots, since one bin often holds most values.
  const most = Math.sqrt(Math.max(...all, 1));
  const width = canvas.width / BINS;
  context.clearRect(0, 0, canvas.width, canvas.height);
  for (const [counts, color] of [
    [all, style.color],
    [clipped, style.accentColor],
  ]) {
    context.fillStyle = color;
    context.beginPath();
    counts.forEach((count, bin) => {
      const height = (Math.sqrt(count) / most) * canvas.height;
      context.rect(bin * width, canvas.height - height, width - 0.5, height);
    });
    context.fill();
  }
}
