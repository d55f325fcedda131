/**
 * What a pixel would be with the usual slips, to tell a learner which one was made.
 *
 * @typedef {object} Slip
 * @property {string} text says what was done instead
 * @property {number} value that comes of it, which is often the answer, and
 * @property {number} pixel after the range
 */

import { borderAt, BORDERS, convGeometry, OUTSIDE, windowPlaces } from "./geometry.mjs";
import { appliedPlanes, combined } from "./sums.mjs";
import { TEXTS } from "./texts.mjs";

const NEARLY = 1e-6; // of an answer that is no whole number, as a share of the pixel

/** Return the number that a person writes, also nan and inf; null if it is none. */
export function answerOf(text) {
  const word = text.trim().toLowerCase().replace("−", "-");
  const number = word === "" ? NaN : Number(word.replace(/inf(inity)?$/, "Infinity"));
  return Number.isNaN(number) && word !== "nan" ? null : number;
}

function isSameNumber(one, other) {
  return one === other || (Number.isNaN(one) && Number.isNaN(other));
}

/** Return whether an answer is a pixel, up to rounding by hand. */
export function isPixel(answer, pixel) {
  return Number.isFinite(pixel)
    ? Math.abs(answer - pixel) <= NEARLY * Math.abs(pixel)
    : isSameNumber(answer, pixel);
}

/** Return the slips at a position of one channel of the shown map that change its value. */
export function slipsAt(session, at, channel) {
  const { conv, result } = session;
  const other = conv.operation === "convolve" ? "correlate" : "convolve";
  const plain = (changes) => result.kernels.map((kernel) => ({ ...kernel, ...changes }));
  const shifts = [
    [[-1, 0], TEXTS.above],
    [[1, 0], TEXTS.below],
    [[0, -1], TEXTS.toTheLeft],
    [[0, 1], TEXTS.toTheRight],
  ];
  const valueWith = (changes, kernels = result.kernels, shift = [0, 0]) =>
    valueAt(session, kernels, { ...conv, ...changes }, at, channel, shift);
  const value = valueWith({});
  const slips = [
    [TEXTS.slipFlip[conv.operation], valueWith({ operation: other })],
    [TEXTS.slipDivisor, valueWith({}, plain({ divisor: 1 }))],
    [TEXTS.slipBias, valueWith({}, plain({ bias: 0 }))],
    ...BORDERS.map((border) => [TEXTS.slipBorder(border), valueWith({ border })]),
    ...shifts.map(([shift, where]) => [
      TEXTS.slipShift(where),
      valueWith({}, result.kernels, shift),
    ]),
  ]
    .filter(([, slipped]) => !isSameNumber(slipped, value))
    .map(([text, slipped]) => ({ text, value: slipped, pixel: result.toPixel(slipped) }));
  const isUnmapped = !isPixel(value, result.toPixel(value));
  const unmapped = { text: TEXTS.slipRange(session.settings.range), value, pixel: value };
  return isUnmapped ? [unmapped, ...slips] : slips;
}

/**
 * Compute the value of the map at a position, with other kernels, operation or border.
 *
 * The window lies where the map's own does, moved by some pixels.
 */
function valueAt(session, kernels, conv, at, channel, shift) {
  const values = kernels.map((kernel) => {
    const planes = appliedPlanes(kernel, conv.operation);
    const shape = session.input.shape.slice(0, 2);
    const places = windowPlaces(convGeometry(shape, kernel.shape, session.conv), at);
    const [rows, columns] = places.map((along, axis) => along.map((place) => place + shift[axis]));
    let sum = 0;
    planes.forEach((plane, number) => {
      const source = kernel.addsChannels ? number : channel;
      rows.forEach((row, y) =>
        columns.forEach((column, x) => {
          const weight = plane[y * columns.length + x];
          sum += weight === 0 ? 0 : weight * inputValue(session.input, conv, row, column, source);
        }),
      );
    });
    return sum / kernel.divisor + kernel.bias;
  });
  const { combine } = session.result;
  return combine === null ? values[0] : combined(values, combine);
}

function inputValue({ shape, values }, { border, fill }, row, column, channel) {
  const [y, x] = [row, column].map((place, axis) => borderAt(place, shape[axis], border));
  if (y === OUTSIDE || x === OUTSIDE) {
    return border === "constant" ? fill : 0;
  }
  return values[(y * shape[1] + x) * shape[2] + channel];
}
