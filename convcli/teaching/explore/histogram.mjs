/** A histogram of a map's values, from the least to the greatest; clipped values have a color. */

import { extentOf } from "./extent.mjs";
import { isClipped } from "./pixels.mjs";

const BINS = 64;
const PARTS = 64; // of a bin, which are counted first

/**
 * Count values in bins of one width, from the least finite value to the greatest.
 *
 * Nothing is asked about a value, whose answer processors could not guess: parts of bins are counted,
 * and how many values lie below and above the unclipped ones. So the parts beyond those that hold
 * these ends are clipped whole, and the rest of the values below and above lies in them.
 *
 * @param {Float64Array} values those that are not finite are in no bin
 * @param {[number, number]} unclipped the least and the greatest value that is not clipped
 * @returns {{all: number[], clipped: number[], count: number}} count is of all clipped values
 */
export function histogramOf(values, unclipped) {
  const { ends, areFinite } = extentOf(values);
  const finite = areFinite ? values : values.filter(Number.isFinite);
  const [low, high] = ends;
  const [least, most] = unclipped;
  const parts = new Int32Array(BINS * PARTS + 1);
  const last = parts.length - 2;
  const scale = high > low ? (BINS * PARTS) / (high - low) : 0;
  let [below, above] = [0, 0];
  for (let place = 0; place < finite.length; place++) {
    const value = finite[place];
    below += Number(value < least);
    above += Number(value > most);
    parts[((value - low) * scale) | 0] += 1;
  }
  parts[last] += parts[last + 1]; // the greatest
  const infinite = areFinite ? [] : values.filter((value) => Math.abs(value) === Infinity);
  const count = below + above + infinite.filter((value) => isClipped(value, unclipped)).length;
  const clipped = new Int32Array(parts.length);
  const partOf = (end) =>
    end < low ? -1 : end > high ? last + 1 : Math.min(((end - low) * scale) | 0, last);
  const [first, final] = unclipped.map(partOf);
  for (let part = 0; part <= last; part++) {
    const isBelow = part < first;
    const isAbove = part > final;
    clipped[part] = isBelow || isAbove ? parts[part] : 0;
    below -= isBelow ? parts[part] : 0;
    above -= isAbove ? parts[part] : 0;
  }
  if (below > 0) {
    clipped[first] += below;
  }
  if (above > 0) {
    clipped[final] += above;
  }
  const inBins = (counts) =>
    Array.from({ length: BINS }, (_, bin) => sum(counts.subarray(bin * PARTS, (bin + 1) * PARTS)));
  return { all: inBins(parts), clipped: inBins(clipped), count };
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
    counts.forEach((count, bin) => {
      const height = (Math.sqrt(count) / most) * canvas.height;
      context.fillRect(bin * width, canvas.height - height, width - 0.5, height);
    });
  }
}
