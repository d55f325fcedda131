/**
 * An explanation in the words of `convcli explain`: lines of at most 80 letters.
 *
 * The rules are those of convcli/teaching/explain/text.py and steps.py.
 */

import {
  added,
  asDecimal,
  equalsText,
  exactProduct,
  exactSum,
  exactTotal,
  formatNumber,
  formatOperand,
  isEqual,
  isFiniteNumber,
  multiplied,
  toNumber,
} from "./decimals.mjs";
import { asShown } from "./explain.mjs";
import { runsOf, sizeText } from "./geometry.mjs";
import { planeRows, shortName } from "./kernels.mjs";
import { middleGray, roundHalfEven } from "./pixels.mjs";
import { sideBySide, tableLines, wrapped } from "./text_table.mjs";

const LABEL = 10; // width of a step's name and the space after it
const MAX_TAPS = 31 * 31; // of a kernel whose products are all shown
const LARGEST = 20; // products that are shown of a larger one

/** Return the whole computation, from the window to the pixel. */
export function explanationText(explanation) {
  const shown = asShown(explanation);
  const lines = wrapped(heading(shown).split(" "));
  const places = new Set();
  for (const output of shown.outputs) {
    if (output.channel) {
      const isNamed = output.channel.startsWith("channel ");
      lines.push("", isNamed ? output.channel : `channel ${output.channel}`);
    }
    for (const response of output.responses) {
      const place = windowPlace(shown, response);
      lines.push(...responseLines(shown, response, places.has(place) ? "" : place));
      places.add(place);
    }
    if (shown.combine !== null) {
      lines.push("");
    }
    lines.push(...resultLines(shown, output));
  }
  if (shown.outputs.length > 1) {
    const pixels = shown.outputs.map((output) => formatNumber(output.pixel));
    lines.push("", ...stepLines(unitOf(shown), [pixels.join(", ")]));
  }
  return lines.join("\n");
}

/**
 * Return what is known of a value before it is computed: the window without its padding's values,
 * the kernels as they are written, and what is done to the sum. Of several channels, the first.
 */
export function questionText(explanation, kernels) {
  const shown = asShown(explanation);
  const [output] = shown.outputs;
  const lines = wrapped(heading(shown).split(" "));
  if (output.channel) {
    lines.push("", output.channel);
  }
  output.responses.forEach((response, number) => {
    const kernel = kernels[number];
    const labels = { columns: response.columns.map(String), rows: response.rows.map(String) };
    lines.push("", ...wrapped(windowPlace(shown, response).split(" ")));
    response.sums.forEach((part, plane) => {
      const window = part.window.map((row, y) =>
        row.map((value, x) => (response.padding[y][x] ? "[?]" : formatNumber(value))),
      );
      const weights = planeRows(kernel, plane).map((row) => row.map(formatNumber));
      const tables = [
        { heading: "window", cells: window, ...labels },
        { heading: shortName(kernel.name), cells: weights, ...labels },
      ];
      lines.push("", ...(part.channel ? [part.channel] : []), ...sideBySide(tables));
    });
    const facts = [
      ...(kernel.divisor === 1 ? [] : [`divisor ${formatNumber(kernel.divisor)}`]),
      ...(kernel.bias === 0 ? [] : [`bias ${formatNumber(kernel.bias)}`]),
    ];
    lines.push(...(facts.length ? ["", facts.join(", ")] : []));
  });
  if (shown.combine !== null) {
    lines.push("", ...stepLines("combine", shown.combine));
  }
  lines.push("", ...stepLines("range", rangeQuestion(shown)));
  return lines.join("\n");
}

function rangeQuestion({ range, extremes, maxValue }) {
  if (extremes !== null) {
    return `${range}: ${extremes.map(formatNumber).join(" to ")} become black to white`;
  }
  return maxValue === null ? range : `${range} to 0..${maxValue}`;
}

/** Say which value is explained, and whether the kernel is flipped. */
export function heading({ at, operation, outputShape, kernel }) {
  const flip = operation === "convolve" ? "flipped" : "not flipped";
  return (
    `${shortName(kernel)} at row ${at[0]}, column ${at[1]} of the ${sizeText(outputShape)} feature map ` +
    `(${operation}: ${flip})`
  );
}

/** Say where the window is, and which part of it is padding. */
export function windowPlace(explanation, response, source = inputText(explanation)) {
  const text = `window: ${placesText(response)} of ${source}`;
  if (!response.padding.some((row) => row.some(Boolean))) {
    return text;
  }
  const { border, fill } = explanation;
  const named = border === "constant" ? `${border} ${formatNumber(fill)}` : border;
  return `${text}; in brackets: padding (${named})`;
}

function inputText({ inputShape }) {
  return `the ${sizeText(inputShape)} input`;
}

/** Write some rows and columns. */
export function placesText({ rows, columns }) {
  return `${axisText("row", rows)}, ${axisText("column", columns)}`;
}

function axisText(name, places) {
  const [first, last] = [places[0], places.at(-1)];
  if (places.length === 1) {
    return `${name} ${first}`;
  }
  const step = places[1] - first;
  if (places.length > 2 && places.every((place, index) => place === first + index * step)) {
    return `${name}s ${first} to ${last}` + (step > 1 ? ` in steps of ${step}` : "");
  }
  const texts = runsOf(places).map(([start, end]) => (start === end ? start : `${start} to ${end}`));
  return `${name}s ${texts.join(" and ")}`;
}

/** Return the computation of one kernel's value; `product` is the heading of the products. */
export function responseLines(explanation, response, place, product = "pixel*weight") {
  const lines = [];
  if (explanation.outputs[0].responses.length > 1) {
    lines.push("", response.kernel);
  }
  if (place) {
    lines.push(...wrapped(place.split(" ")));
  }
  const kernel = explanation.operation === "convolve" ? "flipped kernel" : "kernel";
  for (const part of response.sums) {
    lines.push("");
    if (part.channel) {
      lines.push(part.channel);
    }
    if (part.weights.length * part.weights[0].length > MAX_TAPS) {
      lines.push(...largestLines(response, part, product));
    } else {
      lines.push(...sideBySide(tables(response, part, kernel, product)), "", ...sumLines(part));
    }
  }
  if (response.sums.length > 1) {
    lines.push("");
  }
  return [...lines, ...valueLines(response)];
}

function tables(response, part, kernel, product) {
  const labels = { columns: response.columns.map(String), rows: response.rows.map(String) };
  const texts = (grid) => grid.map((row) => row.map(formatNumber));
  const window = part.window.map((row, y) =>
    row.map((value, x) => bracketed(value, response.padding[y][x])),
  );
  return [
    { heading: "window", cells: window, ...labels },
    { heading: kernel, cells: texts(part.weights), ...labels },
    { heading: product, cells: texts(part.products), ...labels },
  ];
}

export function bracketed(value, isPadding) {
  return isPadding ? `[${formatNumber(value)}]` : formatNumber(value);
}

/** Return a table of the largest products of a kernel, and the sum of the others. */
function largestLines(response, part, product) {
  const terms = response.rows.flatMap((row, y) =>
    response.columns.map((column, x) => ({
      row,
      column,
      pixel: bracketed(part.window[y][x], response.padding[y][x]),
      weight: part.weights[y][x],
      product: part.products[y][x],
    })),
  );
  const size = ({ product }) => (isFiniteNumber(product) ? Math.abs(Number(product)) : Infinity);
  const largest = terms.toSorted((a, b) => size(b) - size(a) || 0).slice(0, LARGEST);
  const products = largest.map((term) => term.product);
  const rest = toNumber(exactTotal([part.sum, ...products.map((number) => -number)]));
  const count = terms.length.toLocaleString("en-US");
  const others = (terms.length - LARGEST).toLocaleString("en-US");
  const rows = largest.map(({ row, column, pixel, weight, product }) => [
    String(row),
    String(column),
    pixel,
    formatNumber(weight),
    formatNumber(product),
  ]);
  return [
    `the ${LARGEST} largest of ${count} products`,
    ...tableLines([["row", "column", "window", "kernel", product], ...rows]),
    "",
    ...stepLines("sum", [
      ...products.map((number, index) => (index ? "+ " : "") + formatOperand(number)),
      `+ ${formatOperand(rest)} (the other ${others})`,
      `= ${formatNumber(part.sum)}`,
    ]),
  ];
}

/** Return the lines that add up the products of one channel. */
function sumLines(part) {
  const pixels = part.window.flat();
  const weights = part.weights.flat();
  const terms = pixels.map(
    (pixel, place) => `(${formatNumber(pixel)}*${formatNumber(weights[place])})`,
  );
  const exact = exactSum(pixels.map((pixel, place) => exactProduct(pixel, weights[place])));
  return additionLines("sum", terms, part.sum, exact);
}

/** Return the lines from the channels' sums to the value; none if the sum is the value. */
function valueLines(response) {
  const { sums, sum, divisor, bias, value } = response;
  const lines = [];
  if (sums.length > 1) {
    lines.push(
      ...totalLines(
        "total",
        sums.map((part) => part.sum),
        sum,
      ),
    );
  }
  if (divisor === 1 && !bias && isSame(value, sum)) {
    return lines;
  }
  let text = formatNumber(sum);
  if (divisor !== 1) {
    text += ` / ${formatOperand(divisor)}`;
  }
  if (bias) {
    text += ` ${bias > 0 ? "+" : "-"} ${formatNumber(Math.abs(bias))}`;
  }
  const sign = isQuotient(value, sum, divisor, bias) ? "=" : "~";
  return [...lines, ...stepLines("value", `${text} ${sign} ${formatNumber(value)}`)];
}

function isSame(one, two) {
  return isFiniteNumber(one) && isFiniteNumber(two)
    ? isEqual(asDecimal(one), asDecimal(two))
    : Object.is(one, two);
}

/** Return whether a value is exactly sum / divisor + bias, or a number is not finite. */
function isQuotient(value, sum, divisor, bias) {
  if (![value, sum].every(isFiniteNumber)) {
    return true;
  }
  const scale = asDecimal(divisor);
  const left = multiplied(asDecimal(value), scale);
  const right = added(asDecimal(sum), multiplied(asDecimal(bias), scale));
  return isEqual(left, right);
}

/** Return the lines that combine the values of several kernels; none for one kernel. */
export function combinationLines({ combine }, output) {
  const values = output.responses.map((response) => response.value);
  const { value } = output;
  switch (combine) {
    case null:
      return [];
    case "sum":
      return totalLines("sum", values, value);
    case "max":
      return stepLines(
        "max",
        `max(${values.map(formatNumber).join(", ")}) = ${formatNumber(value)}`,
      );
    case "mean": {
      const text = `(${values.map(formatOperand).join(" + ")}) / ${values.length}`;
      const total = exactTotal(values);
      const isExact =
        typeof total === "number" ||
        !isFiniteNumber(value) ||
        isEqual(multiplied(asDecimal(value), asDecimal(values.length)), total);
      return stepLines("mean", `${text} ${isExact ? "=" : "~"} ${formatNumber(value)}`);
    }
  }
  const text = `sqrt(${values.map((number) => `${formatOperand(number)}^2`).join(" + ")})`;
  const square = (number) => multiplied(asDecimal(number), asDecimal(number));
  const isRounded =
    [...values, value].every(isFiniteNumber) &&
    !isEqual(exactSum(values.map(square)), square(value));
  return stepLines(combine, `${text} ${isRounded ? "~" : "="} ${formatNumber(value)}`);
}

/** Return what a result is: a pixel of an image, or a value where numbers are plain. */
function unitOf({ maxValue }) {
  return maxValue === null ? "value" : "pixel";
}

/** Return the lines of combination, range, and the pixel, or plain value. */
function resultLines(explanation, output) {
  const lines = combinationLines(explanation, output);
  const text = rangeText(explanation, output);
  if (text) {
    lines.push(...stepLines(explanation.range, text));
  }
  return [...lines, `${unitOf(explanation).padEnd(LABEL)}${formatNumber(output.pixel)}`];
}

/** Describe the range mapping of one value; empty where clip leaves plain numbers alone. */
function rangeText({ range, extremes, maxValue }, { value, pixel }) {
  if (range === "raw") {
    return "the value itself";
  }
  if (extremes !== null) {
    return rescaleText(value, pixel, extremes, maxValue);
  }
  const number = formatNumber(value);
  if (maxValue === null) {
    return range === "abs" ? `|${number}| = ${formatNumber(pixel)}` : "";
  }
  let [start, shifted] = [number, value];
  if (range === "abs") {
    shifted = Math.abs(value);
    start = `|${number}| = ${formatNumber(shifted)}`;
  } else if (range === "offset") {
    shifted = value + middleGray(maxValue);
    start = `${number} + ${middleGray(maxValue)}`;
  }
  return `${start} -> ${formatNumber(pixel)}${changeText(shifted, maxValue)}`;
}

/** Say how a value was changed to make it a pixel; nothing for a whole number in range. */
function changeText(value, maxValue) {
  if (Number.isNaN(value)) {
    return " (not a number: black)";
  }
  const rounded = roundHalfEven(value);
  if (!Number.isFinite(value) || rounded < 0 || rounded > maxValue) {
    return ` (clipped to 0..${maxValue})`;
  }
  return Number.isInteger(value) ? "" : " (rounded, halves to even)";
}

function rescaleText(value, pixel, [low, high], maxValue) {
  if (!(high > low)) {
    return `a constant map becomes black -> ${formatNumber(pixel)}`;
  }
  const least = formatOperand(low);
  const text = `(${formatNumber(value)} - ${least}) / (${formatNumber(high)} - ${least})`;
  if (maxValue === null) {
    return `${text} -> ${formatNumber(pixel)}`;
  }
  const isOutside = !(low <= value && value <= high); // by percentile only, or not a number
  const change = isOutside ? changeText(Number.isNaN(value) ? value : Infinity, maxValue) : "";
  return `${text} * ${maxValue} -> ${formatNumber(pixel)}${change}`;
}

/** Return the lines of a step: its name, and beside it a text, or words with spaces. */
export function stepLines(name, text) {
  const lines = wrapped(typeof text === "string" ? text.split(" ") : text, " ".repeat(LABEL));
  // percentile is one letter wider
  lines[0] = `${name.padEnd(LABEL - 1)} ${lines[0].slice(LABEL)}`;
  return lines;
}

export function totalLines(name, numbers, total) {
  return additionLines(name, numbers.map(formatOperand), total, exactTotal(numbers));
}

/** Return the lines of an addition; lines break before a plus. */
function additionLines(name, terms, total, exact) {
  const [first, ...others] = terms;
  return stepLines(name, [first, ...others.map((term) => `+ ${term}`), equalsText(total, exact)]);
}
