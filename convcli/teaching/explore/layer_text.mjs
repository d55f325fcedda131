/**
 * Layers from texts such as "maxpool 2 --stride 1", by the grammar and in the words of
 * convcli/teaching/chain/grammar.py.
 *
 * A layer is plain data: {name, label} and what layers.mjs needs to compute it.
 */

import { formatNumber } from "./decimals.mjs";
import { nearest, prefixErrors, quoted, UsageError } from "./errors.mjs";
import {
  ANCHORS,
  BORDER_NAMES,
  borderName,
  OPERATIONS,
  PADDING_RULES,
  pairText,
  resolvedPads,
  sizeText,
} from "./geometry.mjs";
import { readSpec } from "./kernels.mjs";
import { splitWords } from "./shell_words.mjs";
import { COMBINATIONS } from "./sums.mjs";

const POOLINGS = ["max", "min", "avg"];
const NO_SUM = 1e-12; // of the magnitudes of the weights: a smaller sum counts as 0

function oneOf(words) {
  return (text) => {
    if (!words.includes(text)) {
      throw new UsageError(
        `${quoted(text)} is not one of ${words.map(quoted).join(", ")}`,
      );
    }
    return text;
  };
}

function isNumber(text) {
  return /^\s*[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|inf(inity)?|nan)\s*$/i.test(text);
}

function readNumber(text) {
  if (!isNumber(text)) {
    throw new UsageError(`could not convert string to float: ${quoted(text)}`);
  }
  if (!Number.isFinite(Number(text))) {
    throw new UsageError(`${quoted(text)} is not a finite number`);
  }
  return Number(text);
}

function readPositive(text) {
  const number = readNumber(text);
  if (number <= 0) {
    throw new UsageError(`${quoted(text)} is not greater than 0`);
  }
  return number;
}

function readPair(text, least = 1) {
  const match = /^\s*(\d+)\s*(?:([,xX×])\s*(\d+)\s*)?$/.exec(text);
  if (match === null) {
    throw new UsageError(
      `${quoted(text)} is not a number N, rows,columns such as 3,5, or widthxheight such as 5x3`,
    );
  }
  const [first, second] = [Number(match[1]), Number(match[3] ?? match[1])];
  if (Math.min(first, second) < least) {
    throw new UsageError(`${quoted(text)}: numbers must be at least ${least}`);
  }
  return match[2] === undefined || match[2] === "," ? [first, second] : [second, first];
}

function readPads(text) {
  if (PADDING_RULES.includes(text)) {
    return text;
  }
  const numbers = text.split(",");
  if (!/^\s*\d+\s*(,\s*\d+\s*){0,3}$/.test(text) || numbers.length === 3) {
    throw new UsageError(
      `${quoted(text)} is not one of ${PADDING_RULES.join(", ")}, N, V,H and T,B,L,R`,
    );
  }
  return numbers.map(Number);
}

/** Read padding in numbers; return those before and after each axis. */
function readSides(text) {
  const numbers = readPads(text);
  if (typeof numbers === "string") {
    throw new UsageError(`${quoted(text)} is a rule; give numbers: N, V,H or T,B,L,R`);
  }
  const [top, bottom, left, right] = Object.values(resolvedPads(numbers, [1, 1]));
  return [
    [top, bottom],
    [left, right],
  ];
}

function readCount(text) {
  if (!/^\s*\d+\s*$/.test(text) || Number(text) < 1) {
    throw new UsageError(`${quoted(text)} is not a whole number of at least 1`);
  }
  return Number(text);
}

function readAnchor(text) {
  if (ANCHORS.includes(text)) {
    return text;
  }
  const match = /^\s*(\d{1,10})\s*,\s*(\d{1,10})\s*$/.exec(text);
  if (match === null) {
    throw new UsageError(`${quoted(text)} is not before, after or ROW,COL such as 0,1`);
  }
  return [Number(match[1]), Number(match[2])];
}

// Options by flag: {read, initial}, or {on} for a switch, whose value it is. What a flag sets has
// its name, but for --no-count-padding. The number of an option with {bare}, its metavar, may stand
// without the flag.
const CONV_OPTIONS = {
  "--kernel": { read: String, initial: [], required: true },
  "--combine": { read: oneOf(COMBINATIONS), initial: null },
  "--normalize": { on: true, initial: false },
  "--divisor": { read: readNumber, initial: null },
  "--bias": { read: readBias, initial: null },
  "--groups": { read: readCount, initial: 1 },
  "--operation": { read: oneOf(OPERATIONS), initial: "correlate" },
  "--padding": { read: readPads, initial: "same" },
  "--border": { read: oneOf(BORDER_NAMES), initial: "edge" },
  "--fill": { read: readNumber, initial: null },
  "--stride": { read: readPair, initial: [1, 1] },
  "--dilation": { read: readPair, initial: [1, 1] },
  "--anchor": { read: readAnchor, initial: "before" },
  "--method": { read: String, initial: "auto" },
  "--threads": { read: String, initial: null },
};
const TRANSPOSE_OPTIONS = {
  ...Object.fromEntries(
    ["--kernel", "--normalize", "--divisor", "--bias", "--groups", "--stride", "--dilation", "--threads"]
      .map((flag) => [flag, CONV_OPTIONS[flag]]),
  ),
  "--padding": { read: readSides, initial: readSides("0") },
  "--output-padding": { read: (text) => readPair(text, 0), initial: [0, 0] },
};
const BATCHNORM_OPTIONS = {
  "--mean": { read: readBias, required: true },
  "--var": { read: readBias, required: true },
  "--weight": { read: readBias, initial: 1 },
  "--bias": { read: readBias, initial: 0 },
  "--eps": { read: readPositive, initial: 1e-5 },
};
const MAXPOOL = {
  "--stride": { read: readPair, initial: null },
  "--padding": { read: readPads, initial: [0] },
  "--dilation": { read: readPair, initial: [1, 1] },
  "--ceil": { on: true, initial: false },
};
const AVGPOOL = {
  ...MAXPOOL,
  "--count-padding": { on: true, initial: true },
  "--no-count-padding": { on: false, sets: "count-padding" },
};
const WINDOW_ARGUMENT = { name: "window", metavar: "SIZE", read: readPair };
const KIND_ARGUMENT = { name: "kind", metavar: "KIND", read: oneOf(POOLINGS) };
const plain = (name) => ({ build: () => ({ name, label: name }) });
const GRAMMAR = {
  conv: { options: CONV_OPTIONS, build: builtConv },
  convtranspose: { options: TRANSPOSE_OPTIONS, build: builtTranspose },
  relu: plain("relu"),
  "leaky-relu": {
    options: { "--slope": { read: readNumber, initial: 0.01, bare: "SLOPE" } },
    build: ({ slope }) => ({ name: "leaky-relu", label: `leaky-relu ${formatNumber(slope)}`, slope }),
  },
  sigmoid: plain("sigmoid"),
  tanh: plain("tanh"),
  abs: plain("abs"),
  softmax: plain("softmax"),
  maxpool: { argument: WINDOW_ARGUMENT, options: MAXPOOL, build: (values) => poolLayer("max", values) },
  minpool: { argument: WINDOW_ARGUMENT, options: MAXPOOL, build: (values) => poolLayer("min", values) },
  avgpool: { argument: WINDOW_ARGUMENT, options: AVGPOOL, build: (values) => poolLayer("avg", values) },
  globalpool: {
    argument: KIND_ARGUMENT,
    build: ({ kind }) => ({ name: "globalpool", label: `globalpool ${kind}`, kind }),
  },
  channelpool: {
    argument: KIND_ARGUMENT,
    build: ({ kind }) => ({ name: "channelpool", label: `channelpool ${kind}`, kind }),
  },
  upsample: {
    argument: { name: "factor", metavar: "FACTOR", read: readPair },
    options: {
      "--mode": { read: oneOf(["nearest", "bilinear"]), initial: "nearest" },
      "--align-corners": { on: true, initial: false },
    },
    build: builtUpsample,
  },
  flatten: plain("flatten"),
  normalize: {
    options: { "--eps": { read: readPositive, initial: 1e-5 } },
    build: ({ eps }) => ({ name: "normalize", label: "normalize", eps }),
  },
  batchnorm: { options: BATCHNORM_OPTIONS, build: builtBatchnorm },
};
const NAMES = Object.keys(GRAMMAR).join(", ");

function readBias(text) {
  if (!text.trim()) {
    throw new UsageError("it is empty: give a number, or a file of numbers");
  }
  return isNumber(text) ? readNumber(text) : text; // the name of a file, which builtConv refuses
}

/**
 * Return the layers of texts, one of each.
 *
 * @param {string[]} texts
 * @param {Map<string, object>} tables kernels by SPEC
 * @param {number} level what kernels' own biases are multiplied by
 * @param {number} first the number of the first layer, for messages
 */
export function readLayers(texts, tables, level, first) {
  if (!Array.isArray(texts) || !texts.every((text) => typeof text === "string")) {
    throw new UsageError("layers takes a list of texts, each a layer such as 'maxpool 2'");
  }
  return texts.map((text, index) => readLayer(text, tables, level, first + index));
}

function readLayer(text, tables, level, number) {
  const words = splitWords(text);
  if (words.length === 0) {
    throw new UsageError(`layer ${number} is empty: the layers are ${NAMES}`);
  }
  const [name] = words.splice(0, 1);
  if (!Object.hasOwn(GRAMMAR, name)) {
    const [near] = nearest(name, Object.keys(GRAMMAR), 1);
    const hint = near === undefined ? `the layers are ${NAMES}` : `did you mean ${near}?`;
    throw new UsageError(`No such layer ${quoted(name)}: ${hint}`);
  }
  const prefix = `layer ${number} (${name})`;
  const values = prefixErrors(prefix, () => takeValues(GRAMMAR[name], words));
  if (words.length > 0) {
    throw new UsageError(
      `layer ${number}: ${quoted(text)} is more than the layer ${name}: ` +
        `${quoted(words[0])} follows; give each layer its own text`,
    );
  }
  return prefixErrors(prefix, () => GRAMMAR[name].build(values, tables, level));
}

/** Take the words of a layer's values from the left; return the values by name. */
function takeValues({ argument, options = {} }, words) {
  const values = {};
  for (const [flag, { initial }] of Object.entries(options)) {
    if (initial !== undefined) {
      values[flag.slice(2)] = initial;
    }
  }
  const bareFlag = Object.keys(options).find((flag) => options[flag].bare);
  const given = []; // the values of this option
  while (words.length > 0) {
    if (bareFlag && isNumber(words[0])) {
      words[0] = `${bareFlag}=${words[0]}`;
    }
    const [word] = words;
    if (word.length > 1 && word.startsWith("-")) {
      takeOption(options, words, values);
      if (bareFlag && word.split("=")[0] === bareFlag && given.push(word) > 1) {
        const { bare } = options[bareFlag];
        throw new UsageError(`${bare} is given twice; give it once, with ${bareFlag} or without`);
      }
    } else if (argument && !(argument.name in values) && word !== "|") {
      values[argument.name] = readValue(argument.read, words.shift(), argument.metavar);
    } else {
      break;
    }
  }
  if (argument && !(argument.name in values)) {
    throw new UsageError(`Missing argument '${argument.metavar}'`);
  }
  for (const [flag, { required }] of Object.entries(options)) {
    if (required && !values[flag.slice(2)]?.toString()) {
      throw new UsageError(`Missing option '${flag}'`);
    }
  }
  return values;
}

function takeOption(options, words, values) {
  const word = words.shift();
  const isLong = word.startsWith("--");
  const equals = word.indexOf("=");
  const end = isLong ? (equals < 0 ? word.length : equals) : 2;
  const flag = word.slice(0, end);
  const option = options[flag === "-k" ? "--kernel" : flag];
  if (option === undefined) {
    throw new UsageError(`No such option '${flag}'`);
  }
  const name = option.sets ?? (flag === "-k" ? "kernel" : flag.slice(2));
  let text = isLong ? word.slice(end + 1) : word.slice(2);
  if (option.read === undefined) {
    if (end < word.length) {
      throw new UsageError(`Option '${flag}' takes no value`);
    }
    values[name] = option.on;
    return;
  }
  if (end === word.length) {
    if (words.length === 0) {
      throw new UsageError(`Option '${flag}' requires an argument`);
    }
    text = words.shift();
  }
  const value = readValue(option.read, text, flag);
  values[name] = name === "kernel" ? [...values[name], value] : value;
}

function readValue(read, text, name) {
  return prefixErrors(`Invalid value for '${name}'`, () => read(text));
}

function poolLayer(kind, { "count-padding": countPadding, ...values }) {
  const { window, dilation, padding, ceil } = values;
  const stride = values.stride ?? window;
  const name = `${kind}pool`;
  const pads = typeof padding === "string" ? padding.replace("valid", "") : padsText(padding);
  const parts = [
    `${name} ${sizeText(window)}`,
    ...(`${dilation}` === "1,1" ? [] : [`dilation ${pairText(dilation)}`]),
    ...(`${stride}` === `${window}` ? [] : [`stride ${pairText(stride)}`]),
    ...(pads ? [`padding ${pads}`] : []),
    ...(pads && countPadding === false ? ["no-count-padding"] : []),
    ...(ceil ? ["ceil"] : []),
  ];
  return { ...values, name, label: parts.join(" "), kind, stride, countPadding };
}

/** One number for pads that are all equal, otherwise all of them; nothing where all are 0. */
function padsText(pads) {
  const isOne = new Set(pads).size === 1;
  return isOne && pads[0] === 0 ? "" : (isOne ? pads.slice(0, 1) : pads).join(",");
}

function builtUpsample({ factor, mode, "align-corners": alignCorners }) {
  if (alignCorners && mode === "nearest") {
    throw new UsageError("--align-corners needs --mode bilinear; nearest repeats values");
  }
  const aligned = alignCorners ? " align-corners" : "";
  const label = `upsample ${pairText(factor)} ${mode}${aligned}`;
  return { name: "upsample", label, factor, mode, alignCorners };
}

function builtBatchnorm({ var: variance, ...values }) {
  checkNumbers({ ...values, var: variance });
  if (variance < 0) {
    throw new UsageError(`--var must not be negative, and ${formatNumber(variance)} is`);
  }
  return { ...values, name: "batchnorm", label: "batchnorm", variance };
}

/** Refuse names of files, which a page cannot read. */
function checkNumbers(values) {
  for (const name of ["bias", "mean", "var", "weight"]) {
    if (typeof values[name] === "string") {
      throw new UsageError(`a page takes one number as --${name}, not a file`);
    }
  }
}

function checkKernelValues(values) {
  for (const flag of ["--method", "--threads"]) {
    if ((values[flag.slice(2)] ?? CONV_OPTIONS[flag].initial) !== CONV_OPTIONS[flag].initial) {
      throw new UsageError(`a page has no ${flag}; leave it out`);
    }
  }
  checkNumbers(values);
  const { normalize, divisor, border, fill = null } = values;
  if (fill !== null && border !== "constant") {
    throw new UsageError("--fill needs --border constant; give both");
  }
  if (divisor === 0) {
    throw new UsageError("a kernel's divisor cannot be 0");
  }
  if (normalize && divisor !== null) {
    throw new UsageError("--normalize and --divisor contradict each other; use one of them");
  }
}

function builtTranspose(values, tables, level) {
  checkKernelValues(values);
  const { kernel: specs, bias, groups, stride, dilation, padding: pads } = values;
  const [set, ...others] = specs.map((spec) => readSpec(spec, tables));
  if (others.length > 0 || set.combine !== null) {
    throw new UsageError("-k takes one kernel or one bank here, not several that are combined");
  }
  let kernels = set.kernels.map((kernel) => withDivisor(kernel, values));
  let [{ divisor }] = kernels;
  if (kernels.some((kernel) => kernel.divisor !== divisor)) {
    kernels = kernels.map((kernel) => ({
      ...kernel,
      planes: kernel.planes.map((plane) => plane.map((weight) => weight / kernel.divisor)),
    }));
    divisor = 1;
  }
  const step = `${stride}` === "1,1" ? "" : ` stride ${pairText(stride)}`;
  return {
    name: "convtranspose",
    label: `convtranspose ${set.label}${step}${groupsText(groups)}`,
    kernelName: set.label,
    kernels,
    divisor,
    bias: bias ?? kernels[0].bias * level,
    givenBias: bias,
    groups,
    stride,
    dilation,
    pads,
    outputPadding: values["output-padding"],
  };
}

function groupsText(count) {
  return count > 1 ? ` groups ${count}` : "";
}

function builtConv(values, tables, level) {
  checkKernelValues(values);
  const { kernel: specs, combine, bias, border, fill, groups: runs } = values;
  const sets = specs.map((spec) => readSpec(spec, tables));
  const groups = groupKernels(sets, combine).map((group) => {
    const isLater = group.combine !== null && bias !== null; // added to what they are combined to
    const kernels = group.kernels.map((kernel) => ({
      ...withDivisor(kernel, values),
      bias: isLater ? 0 : (bias ?? kernel.bias * level),
      ownBias: kernel.bias * level,
    }));
    return { kernels, combine: group.combine, bias: isLater ? bias : 0 };
  });
  const { operation, padding, stride, dilation, anchor } = values;
  const conv = { operation, padding, border: borderName(border), fill: fill ?? 0 };
  return {
    name: "conv",
    label: `conv ${sets.map((set) => set.label).join(", ")}${groupsText(runs)}`,
    groups,
    runs,
    bias,
    conv: { ...conv, stride, dilation, anchor },
  };
}

/** Return the kernels of each result: all that are combined, or one. */
function groupKernels(sets, combine) {
  if (combine !== null) {
    const kernels = sets.flatMap((set) => set.kernels);
    if (kernels.length < 2) {
      throw new UsageError("--combine takes two kernels or more; give -k again, or a family");
    }
    return [{ kernels, combine }];
  }
  return sets.flatMap((set) =>
    set.combine === null
      ? set.kernels.map((kernel) => ({ kernels: [kernel], combine: null }))
      : [set],
  );
}

/** Return a kernel with the divisor that the options give it. */
function withDivisor(kernel, { normalize, divisor }) {
  if (!normalize) {
    return divisor === null ? kernel : { ...kernel, divisor };
  }
  const weights = kernel.planes.flatMap((plane) => Array.from(plane));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const magnitudes = weights.reduce((total, weight) => total + Math.abs(weight), 0);
  if (Math.abs(sum) <= NO_SUM * magnitudes) {
    throw new UsageError(`${kernel.name}: the weights sum to 0 and cannot be normalized to 1`);
  }
  return { ...kernel, divisor: sum };
}
