/** The least and the greatest of many numbers; some may not be finite. */

const extents = new WeakMap(); // of arrays that nobody changes

/**
 * Return the least and the greatest finite number, zeros if there is none, and whether all are finite.
 *
 * It is remembered: the values of an image, and of a map, do not change.
 *
 * @returns {{ends: [number, number], areFinite: boolean}}
 */
export function extentOf(values) {
  let extent = extents.get(values);
  if (extent === undefined) {
    const ends = leastAndGreatest(values, 0, 1);
    const areFinite = ends.every(Number.isFinite);
    extent = { ends: areFinite ? ends : finiteEnds(values, 0, 1), areFinite };
    extents.set(values, extent);
  }
  return extent;
}

/** Return the least and the greatest finite number of one channel of several; zeros if there is none. */
export function finiteEnds(values, channel, channels) {
  let [low, high] = leastAndGreatest(values, channel, channels);
  if (Number.isFinite(low) && Number.isFinite(high)) {
    return [low, high];
  }
  // Some are not finite, or all: these comparisons take three times as long.
  [low, high] = [Infinity, -Infinity];
  for (let place = channel; place < values.length; place += channels) {
    const value = values[place];
    if (value < low && value !== -Infinity) {
      low = value;
    }
    if (value > high && value !== Infinity) {
      high = value;
    }
  }
  return low > high ? [0, 0] : [low, high];
}

/** Return the least and the greatest number: NaN if one is NaN. */
function leastAndGreatest(values, channel, channels) {
  let [low, high] = [Infinity, -Infinity];
  for (let place = channel; place < values.length; place += channels) {
    low = Math.min(low, values[place]);
    high = Math.max(high, values[place]);
  }
  return [low, high];
}
