/** What the views of the input and of the map show: the colors and the texts of their cells. */

import { ABOVE, BELOW, colorOf, grayLevels, signedColor } from "./colors.mjs";
import { formatNumber, roundNumber, shortNumber } from "./decimals.mjs";
import { finiteEnds } from "./extent.mjs";
import { borderAt, OUTSIDE } from "./geometry.mjs";
import { isClipped } from "./pixels.mjs";

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
  return {
    pads,
    shape,
    ...textsOf(valueAt, channel),
    paint(colors) {
      const inside = insideColors(input, channel, ends);
      const outside = new Uint32Array(1);
      paintValues(outside, new Float64Array(channels).fill(fill), channels, channel, ends);
      const sides = [...columns.keys()].filter((x) => x < pads.left || x >= pads.left + width);
      for (let row = 0, place = 0; row < shape[0]; row++, place += shape[1]) {
        if (rows[row] === OUTSIDE) {
          colors.fill(outside[0], place, place + shape[1]);
          continue;
        }
        const source = inside.subarray(rows[row] * width, (rows[row] + 1) * width);
        colors.set(source, place + pads.left);
        for (const column of sides) {
          colors[place + column] =
            columns[column] === OUTSIDE ? outside[0] : source[columns[column]];
        }
      }
    },
  };
}

const insides = new WeakMap(); // by inputs, since padding alone changes with most settings

/** Return the colors of an input without padding. */
function insideColors(input, channel, ends) {
  if (insides.get(input)?.channel !== channel) {
    const [height, width, channels] = input.shape;
    const colors = new Uint32Array(height * width);
    paintValues(colors, input.values, channels, channel, ends);
    insides.set(input, { channel, colors });
  }
  return insides.get(input).colors;
}

/**
 * Return the feature map: its pixels, or its values.
 *
 * @param {{channel: number | null, showsValues: boolean, marksClipped: boolean}} view
 */
export function mapContent(session, { channel, showsValues, marksClipped }) {
  const { map, unclipped } = session.result;
  const [rows, columns, channels] = map.shape;
  const values = showsValues ? map.values : session.pixelsOf(session.result);
  const maxValue = showsValues || session.settings.range === "raw" ? null : session.input.maxValue;
  const ends = endsOf(values, channels, channel, maxValue);
  const numbers = numbersOf(channel);
  const valueAt = (row, column, number) => values[(row * columns + column) * channels + number];
  const paint = (colors) => {
    paintValues(colors, values, channels, channel, ends);
    for (let place = 0; marksClipped && place < rows * columns; place++) {
      const clipped = numbers
        .map((number) => map.values[place * channels + number])
        .find((value) => isClipped(value, unclipped));
      if (clipped !== undefined) {
        colors[place] = isBelow(clipped, session) ? BELOW : ABOVE;
      }
    }
  };
  return { shape: [rows, columns], ...textsOf(valueAt, channel, () => session.decimals(0)), paint };
}

/**
 * Return one of the maps of a layer: its values, in gray, or blue and red if some are negative.
 *
 * `decimals` returns how many decimals of a value to write.
 */
export function layerContent({ shape: [rows, columns, channels], values }, channel, decimals) {
  const valueAt = (row, column, number) => values[(row * columns + column) * channels + number];
  const ends = endsOf(values, channels, channel, null);
  return {
    shape: [rows, columns],
    ...textsOf(valueAt, channel, decimals),
    paint: (colors) => paintValues(colors, values, channels, channel, ends),
  };
}

function isBelow(value, { settings, result, input }) {
  if (settings.range === "percentile") {
    return value < result.extremes[0];
  }
  return result.toPixel(value) < input.maxValue;
}

/** Return the channels that are shown; null: a color. */
function numbersOf(channel) {
  return channel === null ? [0, 1, 2] : [channel];
}

/** Return the numbers that are shown black and white; the least is negative for signed values. */
function endsOf(values, channels, channel, maxValue) {
  if (maxValue !== null) {
    return [0, maxValue];
  }
  return finiteEnds(values, channel, channels);
}

/** Write the colors of cells, whose values follow one another. */
function paintValues(colors, values, channels, channel, [low, high]) {
  if (low < 0) {
    const largest = Math.max(-low, high);
    for (let place = 0; place < colors.length; place++) {
      colors[place] = signedColor(values[place * channels + channel], largest);
    }
    return;
  }
  const levels = grayLevels(values, low, high);
  for (let place = 0, at = channel ?? 0; place < colors.length; place++, at += channels) {
    const level = levels[at];
    colors[place] =
      channel === null ? colorOf(level, levels[at + 1], levels[at + 2]) : colorOf(level, level, level);
  }
}

/** Return the functions from a cell to its texts, and to one line. */
function textsOf(valueAt, channel, decimals = () => null) {
  const numbers = numbersOf(channel);
  const valuesAt = (row, column) =>
    numbers.map((number) => roundNumber(valueAt(row, column, number), decimals()));
  return {
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
