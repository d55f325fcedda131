// Run by `node --test`: pixels, histogram and ends of a map, beside loops over its values.
import assert from "node:assert/strict";
import test from "node:test";

const explore = new URL("../../../convcli/teaching/explore/", import.meta.url);
const { extentOf } = await import(new URL("extent.mjs", explore));
const { histogramOf } = await import(new URL("histogram.mjs", explore));
const { pixelRule, pixelsOf, unclippedEnds } = await import(new URL("pixels.mjs", explore));

const BINS = 64;

/** Count value by value; a value is clipped where its pixel would round beyond black or white. */
function countEach(values, [low, high], range, maxValue) {
  const [all, clipped] = [Array(BINS).fill(0), Array(BINS).fill(0)];
  const gray = (maxValue + 1) / 2;
  const rules = { clip: (value) => value, abs: Math.abs, offset: (value) => value + gray };
  let count = 0;
  for (const value of values) {
    const level = rules[range](value);
    const isOut = level < -0.5 || level >= maxValue + 0.5;
    count += isOut;
    if (Number.isFinite(value)) {
      const share = high > low ? (value - low) / (high - low) : 0;
      const bin = Math.min(Math.floor(share * BINS), BINS - 1);
      all[bin] += 1;
      clipped[bin] += isOut;
    }
  }
  return { all, clipped, count };
}

const MAPS = {
  whole: (place) => ((place * 37) % 801) - 400,
  halves: (place) => ((place * 53) % 1203) / 2 - 256,
  "far apart": (place) => ((place * 37) % 801) * 1e6,
  inside: (place) => (place * 37) % 256,
  equal: () => 300,
  "not finite": (place) => [NaN, Infinity, -Infinity, 255.5, -0.5, -0.75, 255, 0][place % 8],
};

for (const [name, valueAt] of Object.entries(MAPS)) {
  for (const maxValue of [255, 65535]) {
    for (const range of ["clip", "abs", "offset"]) {
      test(`a histogram counts each value: ${name}, ${range}, ${maxValue}`, () => {
        const values = Float64Array.from({ length: 2048 }, (_, place) => valueAt(place));
        const finite = values.filter(Number.isFinite);
        const { ends } = extentOf(values);
        assert.deepEqual(ends, [Math.min(...finite), Math.max(...finite)]);
        const unclipped = unclippedEnds(range, maxValue, null);
        const counted = histogramOf(values, unclipped);
        assert.deepEqual(counted, countEach(values, ends, range, maxValue));
      });
    }
  }
}

test("a map without finite values has no ends and an empty histogram", () => {
  const values = Float64Array.of(NaN, Infinity);
  assert.deepEqual(extentOf(values).ends, [0, 0]);
  const { all, count } = histogramOf(values, [-0.5, 255]);
  assert.deepEqual([Math.max(...all), count], [0, 1]);
});

const NEAR_TIES = [-0.5, 0.5, 1.5, 254.5, 255.5].flatMap((tie) => [
  tie,
  tie * (1 - Number.EPSILON),
  tie * (1 + Number.EPSILON),
]);
for (const extra of [[], [NaN], [Infinity, -Infinity], [2 ** 31, -(2 ** 31)], [1.5e9, -1.5e9], [1e300]]) {
  test(`pixels of 8 bits are rounded half to even and saturated: with ${extra.join(", ")}`, () => {
    const numbers = [...NEAR_TIES, ...Array.from({ length: 999 }, (_, n) => n * 0.75 - 300)];
    const values = Float64Array.of(0, -0, 1e-300, ...numbers, ...extra);
    const rule = pixelRule("clip", 255, null);
    assert.deepEqual(Array.from(pixelsOf(values, "clip", 255, null)), Array.from(values, rule));
  });
}
