/**
 * How one value of a layer comes about, in the words of `convcli explain --layer`.
 *
 * The rules are those of convcli/teaching/explain/chain/text.py and rounding.py.
 */

import {
  asDecimal,
  equalsText,
  exactSum,
  exactTotal,
  formatNumber,
  formatOperand,
  isEqual,
  isFiniteNumber,
  multiplied,
  reliableDecimals,
  roundNumber,
} from "./decimals.mjs";
import { ENLARGING } from "./enlarge.mjs";
import { asShown } from "./explain.mjs";
import {
  bracketed,
  combinationLines,
  placesText,
  responseLines,
  stepLines,
  totalLines,
  windowPlace,
} from "./explain_text.mjs";
import { countText, sizeText } from "./geometry.mjs";
import { sideBySide, wrapped } from "./text_table.mjs";

const MOST_EXPONENTIALS = 10; // that a sum lists
const POOLS = ["maxpool", "minpool", "avgpool", "globalpool", "channelpool"];
const SUMS = ["conv", ...ENLARGING];
const ACTIVATIONS_TEXT = {
  relu: ({ input, value }) => [`max(0, ${formatNumber(input)})`, input === 0 || isKept(input, value)],
  "leaky-relu": ({ input, value, slope }) => [
    `${slope <= 1 ? "max" : "min"}(${formatOperand(slope)}*${formatOperand(input)}, ` +
      `${formatNumber(input)})`,
    input === 0 || (input >= 0 && isKept(input, value)),
  ],
  sigmoid: ({ input }) => [`1 / (1 + exp(${formatNumber(-input)}))`, input === 0],
  tanh: ({ input }) => [`tanh(${formatNumber(input)})`, input === 0],
  abs: ({ input, value }) => [
    `|${formatNumber(input)}|`,
    Math.abs(input) === value || Number.isNaN(input),
  ],
};

/** Return the computation of an explained value, from its layer back to the input. */
export function layersText({ inputShape, steps, field }) {
  const lines = steps.flatMap((step) => [...stepText(shownStep(step)), ""]);
  const isEmpty = field.rows.length === 0 || field.columns.length === 0;
  const place = isEmpty ? "no pixel" : `${placesText(field)} of the ${sizeText(inputShape)} input`;
  return [...lines, ...stepLines("field", place)].join("\n");
}

/** Round the numbers of a step to their reliable decimals. */
function shownStep({ scale, inputScale, own, ...step }) {
  const decimals = reliableDecimals(scale);
  const windowDecimals = inputScale === null ? null : reliableDecimals(inputScale);
  const output = (number) => roundNumber(number, decimals);
  const read = (number) => roundNumber(number, windowDecimals);
  const window = (listed) => ({
    ...listed,
    values: listed.values && listed.values.map((grid) => grid.map((row) => row.map(read))),
  });
  const shown = { ...own };
  const rules = {
    computation: (computation) => asShown(computation, scale, windowDecimals),
    window,
    input: read,
    largest: read,
    mean: output,
    sum: (number) => number && output(number),
    variance: (number) => roundNumber(number, reliableDecimals(scale ** 2)),
  };
  for (const [name, rule] of Object.entries(rules)) {
    if (name in own) {
      shown[name] = rule(own[name]);
    }
  }
  return { ...step, value: output(step.value), depends: window(step.depends), own: shown };
}

function stepText(step) {
  const { layer, number, place, outputShape, value, depends } = step;
  const which = outputShape[2] > 1 ? ` ${place[2] + 1} of ${outputShape[2]}` : "";
  const title =
    `layer ${number} (${layer.label}): row ${place[0]}, column ${place[1]} of the ` +
    `${sizeText(outputShape)} map${which} is ${formatNumber(value)}`;
  const isConv = layer.name === "conv";
  const isWindow = SUMS.includes(layer.name) || POOLS.includes(layer.name);
  const flip = isConv && layer.conv.operation === "convolve" ? "flipped" : "not flipped";
  const words = [...title.split(" "), ...(isConv ? [`(${layer.conv.operation}: ${flip})`] : [])];
  const lines = wrapped(words);
  if (!readsAll(step)) {
    const text = `depends on ${placesText(depends)} of ${sourceText(step, depends.names)}`;
    lines.push(...wrapped((text + paddingText(layer, depends)).split(" ")));
    lines.push(...tableTexts(depends, step.source.split(" (")[0]));
  }
  lines.push(...(isWindow && readsAll(step) ? [] : [""]), ...workLines(step));
  if (number > 1 && isWindow) {
    lines.push(...stepLines("next", nextText(step)));
  }
  if (step.own.spread) {
    lines.push(...stepLines("spread", spreadText(step)));
  }
  return lines;
}

/** Return the arithmetic of one layer's value. */
function workLines(step) {
  const { layer, value, own } = step;
  switch (layer.name) {
    case "conv":
    case "upsample":
    case "convtranspose":
      return convLines(step);
    case "batchnorm":
      return batchnormLines(step);
    case "softmax":
      return softmaxLines(step);
    case "normalize":
      return normalizeLines(step);
    case "flatten": {
      const of = own.channel && ` of ${own.channel}`;
      const [row, column] = step.next;
      return stepLines("flatten", `row ${row}, column ${column}${of} = ${formatNumber(value)}`);
    }
  }
  if (POOLS.includes(layer.name)) {
    return [...poolWindowLines(step), ...poolLines(step)];
  }
  const [text, isExact] = ACTIVATIONS_TEXT[layer.name]({ ...own, value, slope: layer.slope });
  const name = layer.name === "leaky-relu" ? "leaky" : layer.name;
  return stepLines(name, `${text} ${isExact ? "=" : "~"} ${formatNumber(value)}`);
}

/** Return whether a function gave its input or 0, or the input has no digits to round. */
function isKept(input, value) {
  return value === input || value === 0 || !Number.isFinite(input);
}

function convLines(step) {
  const { computation, channel, bias } = step.own;
  const source = sourceText(step, channel ? [channel] : []);
  const product = step.number === 1 ? "pixel*weight" : "value*weight";
  const [output] = computation.outputs;
  const [first] = output.responses;
  if (first.rows.length === 0 || first.columns.length === 0) {
    const text = `no value of the input is added here: ${formatNumber(step.value)}`;
    return stepLines("value", text);
  }
  const { taps } = step.own;
  const by = taps ? `; by ${placesText({ rows: taps[0], columns: taps[1] })} of the kernel` : "";
  const places = new Set();
  const lines = [];
  for (const response of output.responses) {
    const place = windowPlace(computation, response, source) + by;
    lines.push(...responseLines(computation, response, places.has(place) ? "" : place, product));
    places.add(place);
  }
  lines.push(...(computation.combine === null ? [] : [""]), ...combinationLines(computation, output));
  if (bias !== 0) {
    const text = `${formatNumber(output.value)} ${bias > 0 ? "+" : "-"} ${formatNumber(Math.abs(bias))}`;
    const exact = exactTotal([output.value, bias]);
    lines.push(...stepLines("bias", `${text} ${equalsText(step.value, exact)}`));
  }
  return lines;
}

function poolWindowLines(step) {
  const { window } = step.own;
  const text = `window: ${placesText(window)} of ${sourceText(step, window.names)}`;
  const lines = wrapped((text + paddingText(step.layer, window)).split(" "));
  return window.values === null ? lines : [...lines, ...tableTexts(window, "window"), ""];
}

/** Return the lines of a maximum or minimum, or of a sum and a mean. */
function poolLines({ layer: { kind }, value, own: { window, count, sum } }) {
  const lines = [];
  if (window.values === null) {
    const size = window.rows.length * window.columns.length * (window.names.length || 1);
    const text = `of ${size.toLocaleString("en-US")} values =`;
    const which = kind === "max" ? "largest" : "smallest";
    lines.push(
      ...(kind === "avg"
        ? stepLines("sum", `${text} ${formatNumber(sum)}`)
        : stepLines(kind, `the ${which} ${text} ${formatNumber(value)}`)),
    );
  } else {
    const isInside = window.padding.flat().map((isPadding) => !isPadding);
    const numbers = window.values.flatMap((grid) => grid.flat().filter((_, at) => isInside[at]));
    if (kind === "avg") {
      lines.push(...totalLines("sum", numbers, sum));
    } else {
      const sign = numbers.includes(value) || !Number.isFinite(value) ? "=" : "~";
      const text = `${kind}(${numbers.map(formatNumber).join(", ")})`;
      lines.push(...stepLines(kind, `${text} ${sign} ${formatNumber(value)}`));
    }
  }
  if (kind === "avg") {
    const isRounded =
      isFiniteNumber(sum) &&
      isFiniteNumber(value) &&
      !isEqual(multiplied(asDecimal(value), asDecimal(count)), exactSum([asDecimal(sum)]));
    const text = `${formatNumber(sum)} / ${count} ${isRounded ? "~" : "="} ${formatNumber(value)}`;
    lines.push(...stepLines("mean", text));
  }
  return lines;
}

function normalizeLines({ layer, inputShape, value, own: { input, mean, variance } }) {
  const count = (inputShape[0] * inputShape[1]).toLocaleString("en-US");
  const of = `(of the ${count} values of the map)`;
  const text =
    `(${formatNumber(input)} - ${formatOperand(mean)}) / ` +
    `sqrt(${formatNumber(variance)} + ${formatNumber(layer.eps)})`;
  const sign = value === 0 && input === mean ? "=" : "~";
  return [
    ...stepLines("mean", `${formatNumber(mean)} ${of}`),
    ...stepLines("variance", `${formatNumber(variance)} ${of}`),
    ...stepLines("normalize", `${text} ${sign} ${formatNumber(value)}`),
  ];
}

/** Return the line of a normalization by given numbers. */
function batchnormLines({ layer: { mean, variance, weight, bias, eps }, value, own: { input } }) {
  const by = weight === 1 ? "" : ` * ${formatOperand(weight)}`;
  const more = bias === 0 ? "" : ` ${bias < 0 ? "-" : "+"} ${formatNumber(Math.abs(bias))}`;
  const text =
    `(${formatNumber(input)} - ${formatOperand(mean)}) / ` +
    `sqrt(${formatNumber(variance)} + ${formatNumber(eps)})${by}${more}`;
  return stepLines("batchnorm", `${text} ~ ${formatNumber(value)}`);
}

/** Return the lines of a share: the largest value, a sum of exponentials and a quotient. */
function softmaxLines({ value, own: { input, window, largest, sum } }) {
  const [least, total] = [formatOperand(largest), formatNumber(sum)];
  const count = window.names.length || 1;
  const numbers = (window.values ?? []).map((grid) => grid[0][0]);
  const terms = numbers.map((number) => `exp(${formatNumber(number)} - ${least})`);
  const isListed = numbers.length > 0 && numbers.length <= MOST_EXPONENTIALS;
  const text = `of exp(x - ${least}) of ${count.toLocaleString("en-US")} maps ~ ${total}`;
  const words = [terms[0], ...terms.slice(1).map((term) => `+ ${term}`), `~ ${total}`];
  return [
    ...stepLines("max", `the largest of ${countText(count, "map")} = ${least}`),
    ...stepLines("sum", isListed ? words : text),
    ...stepLines("softmax", `exp(${formatNumber(input)} - ${least}) / ${total} ~ ${formatNumber(value)}`),
  ];
}

/** Tell whether the window of the value is all that the explained value depends on. */
function readsAll({ layer, depends, own }) {
  if (own.window !== undefined) {
    const { rows, columns, names } = own.window;
    return (
      `${rows}` === `${depends.rows}` &&
      `${columns}` === `${depends.columns}` &&
      names.length === depends.names.length
    );
  }
  if (depends.rows.length === 0 || depends.columns.length === 0) {
    return true; // of no values
  }
  if (!SUMS.includes(layer.name)) {
    return depends.rows.length === 1 && depends.columns.length === 1;
  }
  const { responses } = own.computation.outputs[0];
  return ["rows", "columns"].every((name) => {
    const places = new Set(responses.flatMap((response) => response[name]));
    return `${[...places].sort((a, b) => a - b)}` === `${depends[name]}`;
  });
}

/** Name what a layer reads: the input, or maps of the layer before. */
function sourceText({ number, inputShape, source }, names) {
  const size = sizeText(inputShape);
  const whole = number === 1 ? `the ${size} input` : `${source}, ${size}`;
  if (names.length < 2) {
    return names.length === 0 ? whole : `${names[0]} of ${whole}`;
  }
  return `${countText(names.length, number === 1 ? "channel" : "map")} of ${whole}`;
}

function paddingText(layer, { padding }) {
  const isShown = padding !== null && padding.flat().includes(true);
  return isShown ? `; in brackets: padding (${borderText(layer)})` : "";
}

/** Describe what a layer's padding holds. */
function borderText({ name, kind, conv, countPadding }) {
  if (name === "conv") {
    return conv.border + (conv.border === "constant" ? ` ${formatNumber(conv.fill)}` : "");
  }
  if (name === "maxpool" || name === "minpool") {
    return `never the ${kind}imum`;
  }
  return countPadding ? "zero" : "zero, not counted";
}

/** Return the values of a window, if they are listed, after an empty line. */
function tableTexts({ rows, columns, names, padding, values }, heading) {
  if (values === null) {
    return [];
  }
  const grids = values.map((grid) =>
    grid.map((row, y) => row.map((value, x) => bracketed(value, padding[y][x]))),
  );
  if (grids.length > 1 && rows.length === 1 && columns.length === 1) {
    const cells = [grids.map((grid) => grid[0][0])];
    return ["", ...sideBySide([{ heading, cells, columns: names, rows: [] }])];
  }
  const labels = { columns: columns.map(String), rows: rows.map(String) };
  const headings = grids.length > 1 ? names : [heading];
  return ["", ...sideBySide(grids.map((cells, at) => ({ heading: headings[at], cells, ...labels })))];
}

/** Say where the map reads the value that counts most. */
function spreadText({ next: [row, column], source, own: { spread } }) {
  const from = source.split(" (")[0];
  return `row ${row}, column ${column} of ${from} is read by ${placesText(spread)}`;
}

function nextText({ next, source, depends }) {
  if (next === null) {
    return "none: the window is padding only";
  }
  const [row, column, map] = next;
  const which = depends.names.length > 1 ? `map ${map + 1} of ` : "";
  return `row ${row}, column ${column} of ${which}${source}, which counts most`;
}
