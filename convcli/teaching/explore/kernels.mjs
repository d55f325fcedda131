/**
 * From the text of a SPEC, or from nested lists, to kernels.
 *
 * The page holds the kernels that it was written with and every named kernel with its default
 * arguments as tables. Matrices, `gaussian`, `box` and turns (`@`) are computed here, by the rules
 * of convcli/kernels. Any other argument needs another page, and the error says how to write it.
 *
 * @typedef {object} KernelSet
 * @property {string} label the SPEC
 * @property {object[]} kernels as in sums.mjs
 * @property {string | null} combine
 * @property {boolean} [takesAngle] its formula takes an angle, which this page does not compute
 */

import { formatNumber } from "./decimals.mjs";
import { UsageError } from "./errors.mjs";

const NUMBER = /^[+-]?(?:\d+\/\d+|(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)$/;
const INTEGER_OR_FRACTION = /^[+-]?\d+(?:\/\d+)?$/;
const MAX_WEIGHT = 1e30;
const MAX_DIVISOR = 2 ** 31; // a larger common denominator makes unwieldy integers
const MAX_SIDE = 101; // of a Gaussian or a box that is computed here
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
  if (tables.has(spec)) {
    return tables.get(spec);
  }
  if (/^\[\s*\[\s*\[/.test(spec)) {
    return { ...kernelsOfLists(parsedLists(spec)), label: spec };
  }
  const [base, angle] = splitAngle(spec);
  const turned = (kernel) => (angle === 0 ? kernel : rotated(kernel, angle));
  const [name] = base.split(":");
  if (name === "gaussian") {
    // An angle that is no right angle is added to the bell's own.
    const kernel = angle % 90 === 0 ? turned(gaussian(base, 0)) : gaussian(base, angle);
    return { label: spec, kernels: [kernel], combine: null };
  }
  if (name === "box" || name === "uniform") {
    return { label: spec, kernels: [turned(box(base))], combine: null };
  }
  const found = tables.get(base);
  if (found !== undefined && (angle % 90 === 0 || !found.takesAngle)) {
    return { ...found, label: spec, kernels: found.kernels.map(turned) };
  }
  if (looksLikeMatrix(base)) {
    return { label: spec, kernels: [turned(parseMatrix(base))], combine: null };
  }
  if (tables.has(name) || /[.@:]/.test(base)) {
    throw new UsageError(
      `this page cannot compute ${spec}; 'convcli explore -k "${spec}" ... -o page.html' writes ` +
        "one that has it",
    );
  }
  const near = [...tables.keys()].filter((known) => known.startsWith(base.slice(0, 3)));
  const advice = near.length
    ? `did you mean ${near.slice(0, 3).join(" or ")}?`
    : "see 'convcli kernels list'";
  throw new UsageError(`no kernel is named ${base}; ${advice}`);
}

/** Return a SPEC as it is shown: as typed, on one line. */
function typed(text) {
  const lines = text
    .trim()
    .split("\n")
    .map((line) => line.trim().replace(/\s+/g, " "));
  return lines
    .map((line) => line.replace(/\s*;$/, ""))
    .filter(Boolean)
    .join("; ");
}

function parsedLists(text) {
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
  const numbers = lists.flat(3);
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
  const members = shape.length === 4 ? lists : [lists];
  const kernels = members.map((member, number) => ({
    name: shape.length === 4 ? `filter ${number + 1}` : "kernel",
    shape: shape.slice(-2),
    planes: (shape.length === 2 ? [member] : member).map((plane) =>
      Float64Array.from(plane.flat()),
    ),
    addsChannels: shape.length > 2,
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
  }
  const cells = rows.flat();
  const { weights, divisor } = commonFractions(cells);
  checkWeights(weights);
  return {
    name: "kernel",
    shape: [rows.length, rows[0].length],
    planes: [Float64Array.from(weights)],
    addsChannels: false,
    divisor,
    bias: 0,
  };
}

function matrixRows(text) {
  if (!/^\s*\[/.test(text)) {
    return text.split(/[;\n]/).filter((row) => row.trim());
  }
  const rows = text.match(/\[[^[\]]*\]/g) ?? [];
  return rows.map((row) => row.slice(1, -1)).filter((row) => row.trim());
}

function splitRow(line) {
  return line.trim().split(/\s*,\s*|\s+/);
}

/** Return integers and their common divisor; decimals, and divisor 1, where there is none. */
function commonFractions(cells) {
  const value = (cell) => {
    const [over, under = "1"] = cell.split("/");
    if (Number(under) === 0) {
      throw new UsageError(`'${cell}' divides by 0`);
    }
    return Number(over) / Number(under);
  };
  const decimals = { weights: cells.map(value), divisor: 1 };
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
  return { weights, divisor };
}

const GAUSSIAN = [
  "size",
  "sigma",
  "sigma-x",
  "sigma-y",
  "rho",
  "angle",
  "start",
  "step",
  "normalize",
];

/** Return the arguments of a SPEC by name: values in the order of the names, then name=value. */
function boundArguments(spec, names) {
  const [kernel, ...rest] = spec.split(":");
  const bound = {};
  const texts = rest
    .join(":")
    .split(",")
    .filter((text) => text.trim());
  for (const [position, text] of texts.entries()) {
    const [left, right] = text.split("=").map((part) => part.trim());
    const name = right === undefined ? names[position] : left;
    const value = right ?? left;
    if (!names.includes(name)) {
      throw new UsageError(`${kernel} has no argument '${left}'; it takes ${names.join(", ")}`);
    }
    if (name in bound) {
      throw new UsageError(`${kernel}: ${name} is given twice`);
    }
    bound[name] = value;
  }
  return bound;
}

/** Read `N` or `WxH` as [rows, columns]. */
function sizeOf(kernel, word) {
  const match = /^(\d{1,9})(?:x(\d{1,9}))?$/.exec(word);
  const [columns, rows] = match ? [Number(match[1]), Number(match[2] ?? match[1])] : [0, 0];
  if (Math.min(rows, columns) < 1 || Math.max(rows, columns) > MAX_SIDE) {
    throw new UsageError(
      `${kernel}: size must be N or WxH with sides from 1 to ${MAX_SIDE}, not '${word}'`,
    );
  }
  return [rows, columns];
}

function box(spec) {
  const { size = "3" } = boundArguments(spec, ["size"]);
  const shape = sizeOf(spec.split(":")[0], size);
  const count = shape[0] * shape[1];
  const planes = [new Float64Array(count).fill(1)];
  return { name: spec, shape, planes, addsChannels: false, divisor: count, bias: 0 };
}

/** Sample the bivariate normal density; see convcli/kernels/formulas.py for the meanings. */
function gaussian(spec, turn) {
  const words = boundArguments(spec, GAUSSIAN);
  const number = (name, low, high) => {
    if (!(name in words)) {
      return null;
    }
    const value = Number(words[name]);
    if (words[name] === "" || !(value >= low && value <= high)) {
      throw new UsageError(
        `gaussian: ${name} must be a number from ${low} to ${high}, not '${words[name]}'`,
      );
    }
    return value;
  };
  const [sigma, sigmaX, sigmaY] = ["sigma", "sigma-x", "sigma-y"].map((each) =>
    number(each, 1e-6, 1e6),
  );
  const rho = number("rho", -1, 1) ?? 0;
  if (Math.abs(rho) === 1) {
    throw new UsageError("gaussian: rho is a correlation: it must lie between -1 and 1");
  }
  const angle = (number("angle", -1e6, 1e6) ?? 0) + turn;
  const start = number("start", -1e6, 1e6);
  const step = number("step", 1e-6, 1e6) ?? 1;
  let shape = words.size === undefined ? null : sizeOf("gaussian", words.size);
  const sigmaOf = (side) => (side === null ? 1 : step * (0.3 * ((side - 1) / 2 - 1) + 0.8));
  const across = sigmaX ?? sigma ?? sigmaOf(shape && shape[1]);
  const down = sigmaY ?? sigma ?? sigmaOf(shape && shape[0]);
  if (shape === null) {
    const side = 2 * Math.ceil((3 * Math.max(across, down)) / step) + 1;
    shape = sizeOf("gaussian", `${side}`);
  }
  const weights = bell(shape, { across, down, rho, angle, start, step });
  const isNormalized = !["no", "false", "0"].includes(words.normalize ?? "yes");
  const total = weights.reduce((sum, weight) => sum + weight);
  if (isNormalized && total === 0) {
    throw new UsageError("all weights are 0; give a larger sigma, or a start nearer to 0");
  }
  const planes = [isNormalized ? weights.map((weight) => weight / total) : weights];
  return { name: spec, shape, planes, addsChannels: false, divisor: 1, bias: 0 };
}

function bell([rows, columns], { across, down, rho, angle, start, step }) {
  const place = (index, count) =>
    start === null ? (index - (count - 1) / 2) * step : start + index * step;
  const [cosine, sine] = direction(angle);
  const room = 1 - rho * rho;
  const height = 2 * Math.PI * across * down * Math.sqrt(room);
  return Float64Array.from({ length: rows * columns }, (_, cell) => {
    const x = place(cell % columns, columns);
    const y = place(Math.floor(cell / columns), rows);
    const along = (cosine * x - sine * y) / across;
    const aside = (sine * x + cosine * y) / down;
    const square = along * along - 2 * rho * along * aside + aside * aside;
    return Math.exp(-square / (2 * room)) / height;
  });
}

/** Return cosine and sine of an angle in degrees, exact at right angles. */
function direction(angle) {
  const quarters = Math.floor(angle / 90);
  const rest = ((angle - 90 * quarters) * Math.PI) / 180;
  let [cosine, sine] = [Math.cos(rest), Math.sin(rest)];
  for (let turn = 0; turn < ((quarters % 4) + 4) % 4; turn++) {
    [cosine, sine] = [-sine, cosine];
  }
  return [cosine, sine];
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
