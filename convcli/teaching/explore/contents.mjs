/** What the views of the input and of the map show: the colors and the texts of their cells. */

import { ABOVE, BELOW, finiteEnds, grayLevel, paintColor, paintSigned } from "./colors.mjs";
import { formatNumber, roundNumber, shortNumber } from "./decimals.mjs";
import { borderAt, OUTSIDE } from "./geometry.mjs";

const SHORT = [6, 4, 3, 2]; // significant digits of texts for smaller and smaller cells

/** Return whether a view can show three channels as one color. */
export function isColor(channels, maxValue) {
  return channels === 3 && maxValue !== null;
}

/**
 * Return the padded input.
 *
 * @param {number | null} channel the one that is shown; null for a color
 */
export function inputContent(session, channel) {
  const { input, conv, result } = session;
  const { pads, paddedShape: shape } = result.geometry;
  const [height, width, channels] = input.shape;
  const fill = conv.border === "constant" ? conv.fill : 0;
  const sources = (count, before, size) =>
    Int32Array.from({ length: count }, (_, index) => borderAt(index - before, size, conv.border));
  const rows = sources(shape[0], pads.top, height);
  const columns = sources(shape[1], pads.left, width);
  const valueAt = (row, column, number) =>
    rows[row] === OUTSIDE || columns[column] === OUTSIDE
      ? fill
      : input.values[(rows[row] * width + columns[column]) * channels + number];
  const ends = endsOf(input.values, channels, channel, input.maxValue);
  return { pads, shape, valueAt, ...cellsOf(shape, valueAt, channel, ends) };
}

/**
 * Return the feature map: its pixels, or its values.
 *
 * @param {{channel: number | null, showsValues: boolean, marksClipped: boolean}} view
 */
export function mapContent(session, { channel, showsValues, marksClipped }) {
  const { map, toPixel, isClipped } = session.result;
  const [rows, columns, channels] = map.shape;
  const values = showsValues ? map.values : map.values.map(toPixel);
  const maxValue = showsValues || session.settings.range === "raw" ? null : session.input.maxValue;
  const valueAt = (row, column, number) => values[(row * columns + column) * channels + number];
  const ends = endsOf(values, channels, channel, maxValue);
  const decimals = () => session.decimals(0);
  const cells = cellsOf([rows, columns], valueAt, channel, ends, decimals);
  const shown = channel === null ? [0, 1, 2] : [channel];
  const paint = (data) => {
    cells.paint(data);
    for (let place = 0; marksClipped && place < rows * columns; place++) {
      const clipped = shown.map((number) => map.values[place * channels + number]).find(isClipped);
      if (clipped !== undefined) {
        paintColor(data, place, isBelow(clipped, session) ? BELOW : ABOVE);
      }
    }
  };
  return { ...cells, shape: [rows, columns], valueAt, paint };
}

/**
 * Return one of the maps of a layer: its values, in gray, or blue and red if some are negative.
 *
 * `decimals` returns how many decimals of a value to write.
 */
export function layerContent({ shape: [rows, columns, channels], values }, channel, decimals) {
  const valueAt = (row, column, number) => values[(row * columns + column) * channels + number];
  const ends = endsOf(values, channels, channel, null);
  const cells = cellsOf([rows, columns], valueAt, channel, ends, decimals);
  return { shape: [rows, columns], ...cells };
}

function isBelow(value, { settings, result, input }) {
  if (settings.range === "percentile") {
    return value < result.extremes[0];
  }
  return result.toPixel(value) < input.maxValue;
}

/** Return the numbers that are shown black and white; the least is negative for signed values. */
function endsOf(values, channels, channel, maxValue) {
  if (maxValue !== null) {
    return [0, maxValue];
  }
  const own = channels === 1 ? values : values.filter((_, place) => place % channels === channel);
  return finiteEnds(own);
}

function cellsOf([rows, columns], valueAt, channel, [low, high], decimals = () => null) {
  const numbers = channel === null ? [0, 1, 2] : [channel];
  const isSigned = low < 0;
  const largest = Math.max(-low, high);
  const valuesAt = (row, column) =>
    numbers.map((number) => roundNumber(valueAt(row, column, number), decimals()));
  return {
    paint(data) {
      for (let row = 0, place = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++, place++) {
          if (isSigned) {
            paintSigned(data, place, valueAt(row, column, channel), largest);
          } else if (channel === null) {
            for (const number of numbers) {
              data[4 * place + number] = grayLevel(valueAt(row, column, number), low, high);
            }
          } else {
            const level = grayLevel(valueAt(row, column, channel), low, high);
            data[4 * place] = data[4 * place + 1] = data[4 * place + 2] = level;
          }
        }
      }
    },
    texts(row, column) {
      const values = valuesAt(row, column);
      const texts = SHORT.map((digits) =>
        values.map((value) => shortened(value, digits)).join("\n"),
      );
      return [values.map(formatNumber).join("\n"), ...texts];
    },
    line(row, column) {
      return valuesAt(row, column).map(shortNumber).join(" ");
    },
  };
}

/** Write a number with so few digits that 1234567 is 1.23e6, and not a whole number that it is not. */
function shortened(value, digits) {
  if (!Number.isFinite(value)) {
    return formatNumber(value);
  }
  const rounded = Number(value.toPrecision(digits));
  const isLarge = Math.abs(rounded) >= 10 ** digits && rounded !== value;
  return isLarge ? rounded.toExponential().replace("+", "") : formatNumber(rounded);
}
