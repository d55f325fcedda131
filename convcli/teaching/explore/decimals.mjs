/**
 * Decimal arithmetic as on paper, and how numbers are written.
 *
 * 0.1 times 3 is 0.3 here, not the 0.30000000000000004 of binary fractions. Every number counts as
 * its shortest decimal; sums and products of decimals are exact, and only a result is rounded. The
 * rules are those of convcli/teaching/decimals.py and convcli/core/digits.py.
 *
 * @typedef {{digits: bigint, exponent: number}} Decimal digits * 10**exponent
 */

const EPSILON = 2 ** -52; // of doubles, in which the page sums
const ZERO = { digits: 0n, exponent: 0 };

/** Write a number exactly, in as few digits as possible: 3, -0.25, 1e-7. */
export function formatNumber(number) {
  if (typeof number === "bigint") {
    return number.toString();
  }
  if (Number.isNaN(number)) {
    return "nan";
  }
  if (!Number.isFinite(number)) {
    return number > 0 ? "inf" : "-inf";
  }
  if (number === 0) {
    return "0";
  }
  // Python writes an exponent below 1e-4 and from 1e16 on, JavaScript below 1e-6 and from 1e21 on.
  const [mantissa, exponent] = number.toExponential().split("e");
  const power = Number(exponent);
  return power < -4 || power >= 16 ? `${mantissa}e${power}` : plainText(mantissa, power);
}

function plainText(mantissa, power) {
  const sign = mantissa.startsWith("-") ? "-" : "";
  const digits = mantissa.replace(/[-.]/g, "");
  if (power < 0) {
    return `${sign}0.${"0".repeat(-power - 1)}${digits}`;
  }
  const whole = digits.slice(0, power + 1).padEnd(power + 1, "0");
  const rest = digits.slice(power + 1);
  return rest ? `${sign}${whole}.${rest}` : `${sign}${whole}`;
}

/** Write a number as part of a formula: in parentheses if it is negative. */
export function formatOperand(number) {
  const text = formatNumber(number);
  return text.startsWith("-") ? `(${text})` : text;
}

/** Return the shortest decimal of a finite number. */
export function asDecimal(number) {
  if (typeof number === "bigint") {
    return { digits: number, exponent: 0 };
  }
  const [mantissa, exponent] = number.toExponential().split("e");
  const [whole, rest = ""] = mantissa.split(".");
  return { digits: BigInt(whole + rest), exponent: Number(exponent) - rest.length };
}

export function multiplied(a, b) {
  return { digits: a.digits * b.digits, exponent: a.exponent + b.exponent };
}

export function added(a, b) {
  const exponent = Math.min(a.exponent, b.exponent);
  return { digits: scaled(a, exponent) + scaled(b, exponent), exponent };
}

/** Return whether two decimals are the same number. */
export function isEqual(a, b) {
  const exponent = Math.min(a.exponent, b.exponent);
  return scaled(a, exponent) === scaled(b, exponent);
}

function scaled({ digits, exponent }, to) {
  return digits * 10n ** BigInt(exponent - to);
}

/**
 * Multiply a pixel by a weight; a weight of 0 gives 0 even for NaN and infinity.
 *
 * @returns {Decimal | number} a number where one is NaN or infinite
 */
export function exactProduct(pixel, weight) {
  if (weight === 0) {
    return ZERO;
  }
  if (!Number.isFinite(pixel) || !Number.isFinite(weight)) {
    return pixel * weight;
  }
  return multiplied(asDecimal(pixel), asDecimal(weight));
}

/** Add up decimals exactly; the sum is a number if a term is NaN or infinite. */
export function exactSum(terms) {
  const unbounded = terms.filter((term) => typeof term === "number");
  if (unbounded.length > 0) {
    return unbounded.reduce((sum, term) => sum + term);
  }
  return terms.reduce(added, ZERO);
}

/** Add up numbers exactly. */
export function exactTotal(numbers) {
  return exactSum(numbers.map((number) => (isFiniteNumber(number) ? asDecimal(number) : number)));
}

export function isFiniteNumber(number) {
  return typeof number === "bigint" || Number.isFinite(number);
}

/** Return a whole number below 2**64 with all its digits, any other as the nearest double. */
export function toNumber(exact) {
  if (typeof exact === "number") {
    return exact;
  }
  const { digits, exponent } = exact;
  const nearest = Number(`${digits}e${exponent}`);
  if (Math.abs(nearest) < 2 ** 53 || Math.abs(nearest) > 2 ** 64) {
    return nearest === 0 ? 0 : nearest;
  }
  const whole = exponent < 0 ? digits / 10n ** BigInt(-exponent) : scaled(exact, 0);
  const isWhole = exponent >= 0 || digits % 10n ** BigInt(-exponent) === 0n;
  return isWhole && whole < 2n ** 64n && whole > -(2n ** 64n) ? whole : nearest;
}

/**
 * Return how many decimals of a result to write; further ones would be rounding errors.
 *
 * @param {number} bound the largest sum of magnitudes
 */
export function reliableDecimals(bound) {
  const error = 8 * EPSILON * bound;
  return error > 0 && error < Infinity ? Math.max(Math.floor(-Math.log10(error)), 0) : 0;
}

/** Round a finite number to this many decimals, halves to even, null for all; never -0. */
export function roundNumber(number, decimals) {
  if (decimals === null || typeof number === "bigint" || !Number.isFinite(number)) {
    return number;
  }
  if (Number.isInteger(number)) {
    return number + 0;
  }
  if (decimals > 100 || Math.abs(number) >= 1e21) {
    return number; // a double has no more digits there
  }
  let text = number.toFixed(decimals);
  // toFixed rounds halves up. A double is halfway only if it has exactly one decimal more.
  const isHalfway =
    Number.isInteger(number * 2 ** (decimals + 1)) && number.toFixed(decimals + 1).endsWith("5");
  if (isHalfway && decimals < 100 && /[13579]$/.test(text)) {
    text = number.toFixed(decimals + 1).slice(0, decimals === 0 ? -2 : -1);
  }
  return Number(text) + 0;
}

/** Write a number in a line of text: whole numbers with all digits, others with six. */
export function shortNumber(number) {
  return formatNumber(Number.isInteger(number) ? number : Number(number.toPrecision(6)));
}

/** Write a result after `=`, or after `~` if the exact decimal was rounded. */
export function equalsText(number, exact) {
  const isRounded =
    typeof exact !== "number" && isFiniteNumber(number) && !isEqual(exact, asDecimal(number));
  return `${isRounded ? "~" : "="} ${formatNumber(number)}`;
}
