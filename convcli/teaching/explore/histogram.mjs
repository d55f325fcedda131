/** A histogram of a map's values, from the least to the greatest; clipped values have a color. */

const BINS = 64;

/**
 * Count values in bins of one width.
 *
 * @param {Float64Array} values those that are not finite are left out
 * @param {[number, number]} ends the least and the greatest finite value
 * @param {(value: number) => boolean} isClipped
 * @returns {{all: number[], clipped: number[], count: number}} count is of all clipped values
 */
export function histogramOf(values, [low, high], isClipped) {
  const [all, clipped] = [Array(BINS).fill(0), Array(BINS).fill(0)];
  const scale = high > low ? BINS / (high - low) : 0;
  let count = 0;
  for (let place = 0; place < values.length; place++) {
    const value = values[place];
    const isOut = isClipped(value);
    if (Number.isFinite(value)) {
      const bin = Math.min(((value - low) * scale) | 0, BINS - 1);
      all[bin] += 1;
      if (isOut) {
        clipped[bin] += 1;
      }
    }
    if (isOut) {
      count += 1;
    }
  }
  return { all, clipped, count };
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
