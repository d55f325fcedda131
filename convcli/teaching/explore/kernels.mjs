/**
 * From the text of a SPEC, or from nested lists, to kernels.
 *
 * The page holds the kernels that it was written with and every named kernel with its default
 * arguments as tables. Matrices, formulas.mjs and turns (`@`) are computed here, by the rules
 * of convcli/kernels. Any other argument needs another page, and the error says how to write it.
 *
 * @typedef {object} KernelSet
 * @property {string} label the SPEC
 * @property {object[]} kernels as in sums.mjs
 * @property {string | null} combine
 * @property {string} [usage] the arguments of a computed kernel, as errors say them
 * @property {boolean} [takesAngle] one of its arguments is an angle
 */

import { formatNumber } from "./decimals.mjs";
import { nearest, prefixErrors, quoted, UsageError } from "./errors.mjs";
import { boundArguments, FORMULAS, onlyElsewhere, WITH_ANGLE } from "./formulas.mjs";

const NUMBER = /^[+-]?(?:\d+\/\d+|(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)$/;
const FILE_OR_PREFIX = /[./\\@]|^(signal|trained):/;
const INTEGER_OR_FRACTION = /^[+-]?\d+(?:\/\d+)?$/;
export const MAX_WEIGHT = 1e30; // also of divisors
const MAX_DIVISOR = 2 ** 31; // a larger common denominator makes unwieldy integers
// The eight cells around the center of a 3x3 matrix, clockwise from the upper left.
const RING = [0, 1, 2, 5, 8, 7, 6, 3];

/**
 * Return the kernels that a SPEC names.
 *
 * @param {string} text
 * @param {Map<string, KernelSet>} tables by SPEC
 * @returns {KernelSet}
 */
export function readSpec(text, tables) {
  const spec = typed(text);
  if (spec === "") {
    throw new UsageError("no kernel is given; write a name, or a matrix such as '1 2 1'");
  }
  const table = tables.get(spec);
  if (table !== undefined && table.kernels.length > 0) {
    return table;
  }
  if (/^\[\s*\[\s*\[/.test(spec)) {
    const { kernels, ...set } = kernelsOfLists(parsedLists(spec));
    const isInteger = !/[.eE]/.test(spec);
    return { ...set, label: spec, kernels: kernels.map((kernel) => ({ ...kernel, isInteger })) };
  }
  const [base, angle] = splitAngle(spec);
  const turned = (kernel) => (angle === 0 ? kernel : rotated(kernel, angle));
  const [name] = base.split(":");
  if (name in FORMULAS) {
    // An angle that is no right angle is added to the kernel's own.
    const addsAngle = angle % 90 !== 0 && WITH_ANGLE.includes(name);
    const kernel = FORMULAS[name](base, addsAngle ? angle : 0, tables.get(name)?.usage);
    return { label: spec, kernels: [addsAngle ? kernel : turned(kernel)], combine: null };
  }
  const found = tables.get(base);
  if (found !== undefined && (angle % 90 === 0 || !found.takesAngle)) {
    return { ...found, label: spec, kernels: found.kernels.map(turned) };
  }
  if (looksLikeMatrix(base)) {
    const kernel = prefixErrors(`kernel ${quoted(base)}`, () => parseMatrix(base));
    return { label: spec, kernels: [turned(kernel)], combine: null };
  }
  if (tables.has(name)) {
    const { usage } = tables.get(name);
    if (!usage) {
      throw new UsageError(`${name} takes no arguments`);
    }
    const [, names] = / takes (.*); for example/.exec(usage);
    boundArguments(base, names.split(", "), usage);
  }
  if (tables.has(name) || FILE_OR_PREFIX.test(base)) {
    throw onlyElsewhere(spec);
  }
  const near = nearest(name.toLowerCase().replace(/[_ ]/g, "-").slice(0, 80), [...tables.keys()], 3);
  const advice = near.length ? `did you mean ${near.join(" or ")}?` : "see 'convcli kernels list'";
  throw new UsageError(`no kernel is named ${quoted(name)}; ${advice}`);
}

/** Return a SPEC as it is shown: as typed, on one line. */
function typed(text) {
  const lines = text
    .trim()
    .split("\n")
    .map((line) => line.trim().replace(/\s+/g, " "));
  const shown = lines
    .map((line) => line.replace(/\s*;$/, ""))
    .filter(Boolean)
    .join("; ");
  return shown === "-" ? "standard input" : shown;
}

export function parsedLists(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError(`'${text}' is not nested lists of numbers`);
  }
}

/** Return the kernels of nested lists: (kh, kw), (C, kh, kw), or (N, C, kh, kw), a bank. */
export function kernelsOfLists(lists) {
  const shape = [];
  for (let part = lists; Array.isArray(part); part = part[0]) {
    shape.push(part.length);
  }
  const numbers = shape.length > 0 ? lists.flat(3) : [];
  const count = shape.reduce((product, side) => product * side, 1);
  const isRegular = (part, axis) =>
    axis === shape.length
      ? typeof part === "number"
      : Array.isArray(part) &&
        part.length === shape[axis] &&
        part.every((each) => isRegular(each, axis + 1));
  if (shape.length < 2 || shape.length > 4 || count === 0 || !isRegular(lists, 0)) {
    throw new UsageError(
      "a kernel is nested lists of numbers: (kh, kw), (C, kh, kw), (N, C, kh, kw)",
    );
  }
  checkWeights(numbers);
  const isInteger = numbers.every(Number.isSafeInteger);
  const members = shape.length === 4 ? lists : [lists];
  const kernels = members.map((member, number) => ({
    name: shape.length === 4 ? `filter ${number + 1}` : "kernel",
    shape: shape.slice(-2),
    planes: (shape.length === 2 ? [member] : member).map((plane) =>
      Float64Array.from(plane.flat()),
    ),
    addsChannels: shape.length > 2,
    isInteger,
    divisor: 1,
    bias: 0,
  }));
  return { label: "kernel", kernels, combine: null };
}

function checkWeights(numbers) {
  const wrong = numbers.find((number) => !(Math.abs(number) <= MAX_WEIGHT));
  if (wrong !== undefined) {
    throw new UsageError(`a kernel's weights must be finite and within ±1e30, not ${wrong}`);
  }
}

function splitAngle(spec) {
  const at = spec.lastIndexOf("@");
  if (at <= 0) {
    return [spec, 0];
  }
  const angle = Number(spec.slice(at + 1));
  if (spec.slice(at + 1).trim() === "" || !Number.isFinite(angle)) {
    throw new UsageError(
      `@ needs an angle in degrees (e.g. sobel-x@45), not '${spec.slice(at + 1)}'`,
    );
  }
  return [spec.slice(0, at).trim(), angle];
}

/** Return a kernel rotated counter-clockwise, without interpolation. */
function rotated(kernel, angle) {
  const [rows, columns] = kernel.shape;
  const step = rows === 3 && columns === 3 ? 45 : 90;
  if (angle % step !== 0) {
    throw new UsageError(
      `a fixed ${columns}x${rows} kernel can be rotated only by multiples of ${step} degrees, ` +
        `not ${angle}`,
    );
  }
  const turns = (((angle % 360) + 360) % 360) / step;
  const name = turns === 0 ? kernel.name : `${kernel.name}@${angle}`;
  if (step === 45) {
    return { ...kernel, name, planes: kernel.planes.map((plane) => ringTurned(plane, turns)) };
  }
  let { shape, planes } = kernel;
  for (let turn = 0; turn < turns; turn++) {
    planes = planes.map((plane) => quarterTurned(plane, shape));
    shape = shape.toReversed();
  }
  return { ...kernel, name, shape, planes };
}

function ringTurned(plane, turns) {
  const out = plane.slice();
  RING.forEach((cell, place) => {
    out[cell] = plane[RING[(place + turns) % RING.length]];
  });
  return out;
}

/** Rotate a matrix by 90 degrees counter-clockwise: the last column becomes the first row. */
function quarterTurned(plane, [rows, columns]) {
  return plane.map((_, place) => {
    const [row, column] = [Math.floor(place / rows), place % rows];
    return plane[column * columns + (columns - 1 - row)];
  });
}

function looksLikeMatrix(text) {
  return /^[[(]/.test(text) || text.includes(";") || NUMBER.test(splitRow(text)[0]);
}

/**
 * Return the kernel of a matrix as text: rows end with `;`, or a Python list.
 *
 * Integers and fractions give integers with their least common divisor; one decimal makes all
 * weights decimals.
 */
export function parseMatrix(text) {
  const rows = matrixRows(text.replaceAll("−", "-")).map(splitRow);
  if (rows.length === 0) {
    throw new UsageError('the matrix is empty; write rows as in "0 -1 0; -1 5 -1; 0 -1 0"');
  }
  for (const [number, row] of rows.entries()) {
    if (row.length !== rows[0].length) {
      throw new UsageError(
        `rows differ in length: row 1 has ${rows[0].length}, row ${number + 1} has ${row.length}`,
      );
    }
    const wrong = row.find((cell) => !NUMBER.test(cell));
    if (wrong !== undefined) {
      throw new UsageError(`row ${number + 1}: '${wrong}' is not a finite number`);
    }
    const endless = row.find((cell) => /\/0+$/.test(cell));
    if (endless !== undefined) {
      throw new UsageError(`row ${number + 1}: '${endless}' divides by 0`);
    }
  }
  const cells = rows.flat();
  const { weights, divisor, isInteger } = commonFractions(cells);
  checkWeights(weights);
  return {
    name: "kernel",
    shape: [rows.length, rows[0].length],
    planes: [Float64Array.from(weights)],
    addsChannels: false,
    isInteger,
    divisor,
    bias: 0,
  };
}

function matrixRows(text) {
  if (!/^\s*\[/.test(text)) {
    return text.split(/[;\n]/).filter((row) => row.trim());
  }
  const rows = text.match(/\[[^[\]]*\]/g) ?? [];
  return rows.flatMap((row) => row.slice(1, -1).split(";")).filter((row) => row.trim());
}

function splitRow(line) {
  return line.trim().split(/\s*,\s*|\s+/);
}

/** Return integers and their common divisor; decimals, and divisor 1, where there is none. */
function commonFractions(cells) {
  const value = (cell) => {
    const [over, under = "1"] = cell.split("/");
    return Number(over) / Number(under);
  };
  const decimals = { weights: cells.map(value), divisor: 1, isInteger: false };
  if (!cells.every((cell) => INTEGER_OR_FRACTION.test(cell))) {
    return decimals;
  }
  const gcd = (a, b) => (b === 0 ? a : gcd(b, a % b));
  let divisor = 1;
  for (const cell of cells) {
    const [over, under = "1"] = cell.split("/").map(Number);
    const reduced = under / gcd(Math.abs(over), under);
    divisor *= reduced / gcd(divisor, reduced);
    if (!(divisor <= MAX_DIVISOR)) {
      return decimals;
    }
  }
  const weights = cells.map((cell) => {
    const [over, under = 1] = cell.split("/").map(Number);
    return (over * divisor) / under;
  });
  return { weights, divisor, isInteger: true };
}

/** Write the weights of a kernel as a SPEC: rows with `;` between, or lists of several planes. */
export function weightsSpec(kernel) {
  const planes = kernel.planes.map((_, number) => planeRows(kernel, number));
  if (kernel.addsChannels) {
    return JSON.stringify(planes);
  }
  return planes[0].map((row) => row.map(formatNumber).join(" ")).join("; ");
}

/** Return a plane of a kernel as rows of numbers. */
export function planeRows({ shape: [rows, columns], planes }, number) {
  return Array.from({ length: rows }, (_, row) =>
    Array.from(planes[number].slice(row * columns, (row + 1) * columns)),
  );
}

/** Return what a title calls a kernel, as convcli/kernels/matrix_text.py shortens a long matrix. */
export function shortName(name) {
  return name.replace(
    /[-+\d.[][-+./\d\s,;[\]eE]{40,}(?=$|["'])/g,
    (matrix) => `${matrix.slice(0, 28).replace(/[^\s,;]*$/, "")}...`,
  );
}
