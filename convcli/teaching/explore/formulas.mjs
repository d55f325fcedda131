/**
 * Kernels that the page computes from arguments, by the rules of convcli/kernels/formulas.py, which
 * says what the arguments mean.
 */

import { quoted, UsageError } from "./errors.mjs";
import { quotedWord } from "./shell_words.mjs";

const MAX_SIDE = 2047; // of a kernel
const MAX_SIDE_HERE = 101; // of one that the page computes
const LEAST = 1e-6; // of a length

/** Return the error for a kernel that only the command computes. */
export function onlyElsewhere(spec) {
  return new UsageError(
    `this page cannot compute ${spec}; one that has it is written by: ` +
      `convcli explore -k ${quotedWord(spec)} INPUT -o page.html`,
  );
}

/**
 * Return the arguments of a SPEC by name: values in the order of the names, then name=value.
 *
 * `usage` says in errors which arguments there are.
 */
export function boundArguments(spec, names, usage) {
  const [kernel, ...rest] = spec.split(":");
  const text = rest.join(":");
  const parts = text.trim() ? text.split(",") : [];
  const bound = {};
  for (const [position, part] of parts.entries()) {
    const at = part.indexOf("=");
    let [name, value] = [part.slice(0, at).trim(), part.slice(at + 1).trim()];
    if (at < 0) {
      name = names[position] ?? part;
      if (parts.slice(0, position).some((earlier) => earlier.includes("="))) {
        throw new UsageError(`${kernel}: ${quoted(value)} needs a name; ${usage}`);
      }
    }
    if (!names.includes(name)) {
      throw new UsageError(`${kernel} has no argument ${quoted(name)}; ${usage}`);
    }
    if (name in bound) {
      throw new UsageError(`${kernel}: ${name} is given twice`);
    }
    if (value === "") {
      throw new UsageError(`${kernel}: ${name} needs a value; ${usage}`);
    }
    bound[name] = value;
  }
  return bound;
}

/** Read `N` or `WxH` as [rows, columns]. */
function sizeOf(spec, word) {
  const [kernel] = spec.split(":");
  const match = /^(\d{1,9})(?:x(\d{1,9}))?$/.exec(word);
  if (match === null) {
    throw new UsageError(
      `${kernel}: size must be a positive N or WxH (e.g. 5 or 7x3), not ${quoted(word)}`,
    );
  }
  const [columns, rows] = [Number(match[1]), Number(match[2] ?? match[1])];
  if (Math.min(rows, columns) < 1 || Math.max(rows, columns) > MAX_SIDE) {
    throw new UsageError(
      `${kernel}: size must have sides from 1 to ${MAX_SIDE.toLocaleString("en-US")}, ` +
        `not ${quoted(word)}`,
    );
  }
  if (Math.max(rows, columns) > MAX_SIDE_HERE) {
    throw onlyElsewhere(spec);
  }
  return [rows, columns];
}

function box(spec, turn, usage) {
  const { size = "3" } = boundArguments(spec, ["size"], usage);
  const shape = sizeOf(spec, size);
  const count = shape[0] * shape[1];
  const ones = plainKernel(spec, shape, new Float64Array(count).fill(1));
  return { ...ones, isInteger: true, divisor: count };
}

/** Return the number of an argument, or null if it is not given. */
function numberOf(kernel, words, name, least = -1e6, most = 1e6) {
  if (!(name in words)) {
    return null;
  }
  const value = Number(words[name]);
  if (!(value >= least && value <= most)) {
    const from = least === LEAST ? "1e-06" : least.toLocaleString("en-US");
    throw new UsageError(
      `${kernel}: ${name} must be a number from ${from} to ${most.toLocaleString("en-US")}, ` +
        `not ${quoted(words[name])}`,
    );
  }
  return value;
}

/** Sample the bivariate normal density. */
function gaussian(spec, turn, usage) {
  const names = ["size", "sigma", "sigma-x", "sigma-y"];
  const others = ["rho", "angle", "start", "step", "normalize"];
  const words = boundArguments(spec, [...names, ...others], usage);
  const number = (name, least) => numberOf("gaussian", words, name, least);
  const [sigma, sigmaX, sigmaY] = names.slice(1).map((name) => number(name, LEAST));
  const rho = Number(words.rho ?? 0);
  if (!(Math.abs(rho) < 1)) {
    throw new UsageError(
      `gaussian: rho is a correlation: it must lie between -1 and 1, not ${quoted(words.rho)}`,
    );
  }
  const angle = (number("angle") ?? 0) + turn;
  const start = number("start");
  const step = number("step", LEAST) ?? 1;
  let shape = words.size === undefined ? null : sizeOf(spec, words.size);
  const sigmaOf = (side) => (side === null ? 1 : step * (0.3 * ((side - 1) / 2 - 1) + 0.8));
  const across = sigmaX ?? sigma ?? sigmaOf(shape && shape[1]);
  const down = sigmaY ?? sigma ?? sigmaOf(shape && shape[0]);
  if (shape === null) {
    shape = sizeOf(spec, squareOf((3 * Math.max(across, down)) / step));
  }
  const weights = bell(shape, { across, down, rho, angle, start, step });
  const flag = words.normalize ?? "yes";
  const isNormalized = ["yes", "true", "1"].includes(flag);
  if (!isNormalized && !["no", "false", "0"].includes(flag)) {
    throw new UsageError(`gaussian: normalize must be yes or no, not ${quoted(flag)}`);
  }
  const total = weights.reduce((sum, weight) => sum + weight);
  if (isNormalized && total === 0) {
    throw new UsageError("all weights are 0; give a larger sigma, or a start nearer to 0");
  }
  return plainKernel(spec, shape, isNormalized ? weights.map((weight) => weight / total) : weights);
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

/** Sample a cosine wave along an angle, under a bell. */
function gabor(spec, turn, usage) {
  const names = ["size", "sigma", "wavelength", "angle", "aspect", "phase"];
  const words = boundArguments(spec, names, usage);
  const number = (name, least) => numberOf("gabor", words, name, least);
  const sigma = number("sigma", LEAST) ?? 3;
  const wavelength = number("wavelength", LEAST) ?? 6;
  const aspect = number("aspect", LEAST) ?? 0.5;
  const phase = ((number("phase") ?? 0) * Math.PI) / 180;
  const shape = sizeOf(spec, words.size ?? squareOf((3 * sigma) / Math.min(aspect, 1)));
  const [cosine, sine] = direction((number("angle") ?? 0) + turn);
  const weights = Float64Array.from({ length: shape[0] * shape[1] }, (_, cell) => {
    const x = (cell % shape[1]) - (shape[1] - 1) / 2;
    const y = Math.floor(cell / shape[1]) - (shape[0] - 1) / 2;
    const along = cosine * x - sine * y;
    const aside = aspect * (sine * x + cosine * y);
    const envelope = Math.exp(-(along * along + aside * aside) / (2 * sigma * sigma));
    return envelope * Math.cos((2 * Math.PI * along) / wavelength + phase);
  });
  return plainKernel(spec, shape, weights);
}

/** Sample the Laplacian of the normal density, minus its mean. */
function laplacianOfGaussian(spec, turn, usage) {
  const words = boundArguments(spec, ["size", "sigma"], usage);
  const sigma = numberOf("log", words, "sigma", LEAST) ?? 1.4;
  const shape = sizeOf(spec, words.size ?? squareOf(4 * sigma));
  const weights = Float64Array.from({ length: shape[0] * shape[1] }, (_, cell) => {
    const x = (cell % shape[1]) - (shape[1] - 1) / 2;
    const y = Math.floor(cell / shape[1]) - (shape[0] - 1) / 2;
    const square = (x * x + y * y) / (2 * sigma * sigma);
    return ((square - 1) * Math.exp(-square)) / (Math.PI * sigma ** 4);
  });
  const mean = weights.reduce((sum, weight) => sum + weight) / weights.length;
  return plainKernel(spec, shape, weights.map((weight) => weight - mean));
}

/** Sample the difference of two normal densities, which sum to 1 each. */
function differenceOfGaussians(spec, turn, usage) {
  const words = boundArguments(spec, ["size", "sigma", "ratio"], usage);
  const sigma = numberOf("dog", words, "sigma", LEAST) ?? 1;
  const wider = sigma * (numberOf("dog", words, "ratio", LEAST) ?? 1.6);
  const shape = sizeOf(spec, words.size ?? squareOf(3 * Math.max(sigma, wider)));
  const [narrow, wide] = [sigma, wider].map((across) => {
    const weights = bell(shape, { across, down: across, rho: 0, angle: 0, start: null, step: 1 });
    const total = weights.reduce((sum, weight) => sum + weight);
    return weights.map((weight) => weight / total);
  });
  return plainKernel(spec, shape, narrow.map((weight, cell) => weight - wide[cell]));
}

/** Return the side of the smallest odd square that extends a radius from its center, as text. */
function squareOf(radius) {
  return `${2 * Math.ceil(radius) + 1}`;
}

function plainKernel(name, shape, weights) {
  const planes = [weights];
  return { name, shape, planes, addsChannels: false, isInteger: false, divisor: 1, bias: 0 };
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

/**
 * By name: builders from a SPEC without its turn, an angle that is added to the kernel's own, and
 * what errors say of the arguments.
 *
 * Those without an angle of their own are turned as a table is.
 */
export const FORMULAS = {
  gaussian,
  gabor,
  box,
  uniform: box,
  log: laplacianOfGaussian,
  dog: differenceOfGaussians,
};
export const WITH_ANGLE = ["gaussian", "gabor"];
