/**
 * The filter of the page as a program for another library, by the rules of convcli/teaching/code.
 *
 * The page is written with what programs for some libraries are made of:
 *
 * @typedef {object} CodeTemplates
 * @property {Record<string, string>} templates by name
 * @property {Record<string, Record<string, string>>} borders by library: its names of borders by
 *   NumPy's; those that are left out are NumPy's
 *
 * @typedef {object} CodeFilter
 * @property {object[]} kernels as in sums.mjs; their `levels` are a bias in 8-bit levels
 * @property {string | null} combine
 * @property {object} conv
 * @property {string} range
 * @property {[number, number]} percentile
 * @property {number | null} bias in the units of the image; null for the kernels' own
 * @property {string} channels of the image that are filtered, as `--channels` has them
 */

import { renderTemplate } from "./code_template.mjs";
import { formatNumber } from "./decimals.mjs";
import { UsageError } from "./errors.mjs";
import { asPair, borderName, convGeometry } from "./geometry.mjs";
import { planeRows } from "./kernels.mjs";
import { RANGES } from "./pixels.mjs";
import { appliedPlanes, COMBINATIONS } from "./sums.mjs";

const LARGE_IMAGE = [2 ** 20, 2 ** 20]; // every kernel fits it
// Give kernels of all sizes maps of one.
const ALIGNED = ["same", "same-upper", "same-lower", "causal"];
const COLOR_PLANES = { r: "red", g: "green", b: "blue" };
const DFT_AREA = 50; // of a window; OpenCV sums larger ones by Fourier transforms
const SCIPY_REACH = 8; // pixels before an image of 2 from which on SciPy 1.17.1 reflects wrongly
const ROUNDED_ONCE = ["clip", "abs", "offset"];

/**
 * Return a program that reads IN, filters it with a library as `convcli apply` does, and writes OUT.
 *
 * @param {CodeTemplates} code
 * @param {string} library
 * @param {CodeFilter} filter
 * @param {string} command the command whose pixels the program gives
 * @param {boolean} isSnippet whether only the kernel and the call are printed
 */
export function programText(code, library, filter, command, isSnippet = false) {
  if (!(library in code.borders)) {
    const known = Object.keys(code.borders).join(", ");
    throw new UsageError(`there is no program for ${library}; there are ${known}`);
  }
  checkCode(filter);
  const windows = codeWindows(filter);
  const facts = {
    program: !isSnippet,
    quoted_command: command.replaceAll("\\", "\\\\").replaceAll('"""', '\\"\\"\\"'),
    ...channelFacts(filter),
    ...weightFacts(filter, windows),
    ...windowFacts(filter, windows),
    ...borderFacts(filter),
    ...valueFacts(filter),
  };
  // apply divides in float32 where it does not round at once, and sums a fraction of --fill in it.
  const isRounded = ROUNDED_ONCE.includes(filter.range) && !facts.several;
  const isWhole = facts.is_integer && Number.isInteger(Number(facts.fill));
  facts.is_exact = isWhole && (isRounded || !facts.is_divided);
  facts.writes_colors = !facts.range_raw && !facts.sums_channels;
  // The smallest image that has a window; fitted pads make one for all.
  facts.least_rows = facts.rows - facts.top - facts.bottom;
  facts.least_columns = facts.columns - facts.left - facts.right;
  facts.checks_size = !isSnippet && Math.max(facts.least_rows, facts.least_columns) > 1;
  facts.uses_white = !facts.range_raw || facts.is_bias_in_levels;
  const border = code.borders[library][facts.border] ?? facts.border;
  const own = { scipy: scipyFacts, opencv: opencvFacts, torch: torchFacts }[library];
  const numpy = {
    np_mode: code.borders.numpy[facts.border] ?? facts.border,
    np_fill: facts.border_constant ? `, constant_values=${facts.fill}` : "",
  };
  const all = { ...facts, ...numpy, ...own?.(facts, border) };
  return renderTemplate(code.templates, library, all);
}

function checkCode({ kernels, conv }) {
  const axes = kernels.map(({ addsChannels, planes }) => (addsChannels ? planes.length : 0));
  if (axes.some((count) => count !== axes[0])) {
    throw new UsageError("code combines kernels that all sum over channels, or none that does");
  }
  if (!haveOneShape(kernels) && !ALIGNED.includes(conv.padding)) {
    throw new UsageError(
      "code combines kernels of different sizes with --padding same, same-upper, " +
        "same-lower or causal",
    );
  }
}

/** Return whether the pads are not the same for every image. */
function dependsOnSize({ padding, stride }) {
  const isStrided = asPair(stride, "stride", 1).some((step) => step !== 1);
  return isStrided && ["same-upper", "same-lower"].includes(padding);
}

function haveOneShape(kernels) {
  return kernels.every(({ shape }) => `${shape}` === `${kernels[0].shape}`);
}

/**
 * Return the weights of each kernel as they are applied, planes of rows, all of one size, and the
 * geometry for an image of one window.
 *
 * Kernels of different sizes get the size of the largest, around the same anchor; where the pads of
 * each depend on the image, they lie in the corner, and `moves` are their sizes.
 */
function codeWindows({ kernels, conv }) {
  const weights = kernels.map((kernel) => {
    const planes = appliedPlanes(kernel, conv.operation);
    return planes.map((_, number) => planeRows({ shape: kernel.shape, planes }, number));
  });
  const extents = kernels.map((kernel) => convGeometry(LARGE_IMAGE, kernel.shape, conv));
  const isFlipped = conv.operation === "convolve";
  if (haveOneShape(kernels)) {
    const geometry = convGeometry(extents[0].extent, kernels[0].shape, conv);
    return { weights, geometry, isFlipped, moves: [] };
  }
  // Zeros around them bring the anchors together. Their taps are set apart first.
  const moves = dependsOnSize(conv) ? extents.map(({ extent }) => extent) : [];
  const ends = extents.map(({ anchor, extent: [rows, columns] }) => {
    const [down, across] = moves.length ? [0, 0] : anchor;
    return [down, rows - 1 - down, across, columns - 1 - across];
  });
  const [top, bottom, left, right] = [0, 1, 2, 3].map((side) =>
    Math.max(...ends.map((each) => each[side])),
  );
  const size = [top + bottom + 1, left + right + 1];
  const wide = weights.map((planes, number) => {
    const [up, , before] = ends[number];
    const corner = [top - up, left - before];
    return planes.map((rows) => spreadRows(rows, extents[0].dilation, size, corner));
  });
  const padding = [top, bottom, left, right];
  const plain = { ...conv, padding, dilation: 1, anchor: [top, left] };
  return { weights: wide, geometry: convGeometry(size, size, plain), isFlipped, moves };
}

/** Return a matrix of zeros that holds rows of weights from a place on, with gaps between. */
function spreadRows(rows, [down, across], [height, width], [top, left]) {
  const wide = Array.from({ length: height }, () => new Array(width).fill(0));
  rows.forEach((row, y) => {
    row.forEach((weight, x) => {
      wide[top + y * down][left + x * across] = weight;
    });
  });
  return wide;
}

function channelFacts({ channels }) {
  const plane = Math.max(Object.keys(COLOR_PLANES).indexOf(channels), 0);
  return {
    channels_gray: channels === "gray",
    channels_rgb: channels === "rgb",
    is_plane: channels in COLOR_PLANES,
    plane,
    bgr_plane: 2 - plane,
    plane_name: COLOR_PLANES[channels] ?? "",
  };
}

/** Return the weights as text, and what their sums are divided by. */
function weightFacts({ kernels }, { weights, isFlipped }) {
  const divisors = kernels.map(({ divisor }) => divisor);
  const several = kernels.length > 1;
  const sumsChannels = kernels[0].addsChannels;
  const matrices = sumsChannels ? weights : weights.map(([plane]) => plane);
  return {
    several,
    is_grouped: false, // the page filters with one kernel, or with several that are combined
    sums_channels: sumsChannels,
    is_integer: kernels.every(({ isInteger }) => isInteger),
    is_flipped: isFlipped,
    weights: several ? listText(matrices) : listText(matrices[0]),
    is_divided: divisors.some((divisor) => divisor !== 1),
    divisor: numberOrColumn(divisors),
    planes: weights[0].length,
  };
}

/** Write nested lists with a row of the kernel in each line, columns aligned. */
function listText(lists, depth = 0) {
  const isMatrix = typeof lists[0][0] === "number";
  const parts = isMatrix ? alignedRows(lists) : lists.map((list) => listText(list, depth + 1));
  const inner = "    ".repeat(depth + 1);
  return `[\n${parts.map((part) => `${inner}${part},\n`).join("")}${"    ".repeat(depth)}]`;
}

function alignedRows(rows) {
  const cells = rows.map((row) => row.map(pythonNumber));
  const widths = cells[0].map((_, x) => Math.max(...cells.map((row) => row[x].length)));
  return cells.map((row) => `[${row.map((cell, x) => cell.padStart(widths[x])).join(", ")}]`);
}

/** Return equal numbers as one, others as an array of as many axes as the maps have. */
function numberOrColumn(numbers) {
  return numbers.every((number) => number === numbers[0])
    ? pythonNumber(numbers[0])
    : `np.reshape([${numbers.map(pythonNumber).join(", ")}], (-1, *[1] * (maps.ndim - 1)))`;
}

/** Write a number as Python does, a whole one below 2**53 without a decimal point. */
function pythonNumber(number) {
  if (Number.isInteger(number) && Math.abs(number) < 2 ** 53) {
    return `${number}`;
  }
  const [digits, exponent] = formatNumber(number).split("e");
  if (exponent === undefined) {
    return digits.includes(".") ? digits : `${digits}.0`;
  }
  const sign = exponent.startsWith("-") ? "-" : "+";
  return `${digits}e${sign}${exponent.replace("-", "").padStart(2, "0")}`;
}

function windowFacts({ conv, kernels }, { weights, geometry, moves }) {
  const { pads, stride, dilation, anchor, extent } = geometry;
  const [[rows, columns], [down, across]] = [extent, anchor];
  const ofSame = [down, rows - 1 - down, across, columns - 1 - across];
  const own = [pads.top, pads.bottom, pads.left, pads.right];
  const isFitted = dependsOnSize(conv) && (rows > 1 || columns > 1);
  const axes = [
    ...(weights.length > 1 ? [weights.length] : []),
    ...(kernels[0].addsChannels ? [weights[0].length] : []),
  ];
  const names = { top: "top", bottom: "bottom", left: "left", right: "right" };
  return {
    // Where they depend on the image, they are names of the program's variables.
    ...(isFitted ? names : pads),
    is_fitted: isFitted,
    is_moved: moves.length > 0,
    moved_sizes: moves.map((size) => `(${size.join(", ")})`).join(", "),
    is_upper: conv.padding === "same-upper",
    is_padded: isFitted || own.some(Boolean),
    is_same: `${own}` === `${ofSame}` && !isFitted,
    rows,
    columns,
    spread_shape: [...axes, rows, columns].join(", "),
    below: rows - 1,
    beside: columns - 1,
    anchor_row: down,
    anchor_column: across,
    // Whether windows begin elsewhere than k // 2 pixels before their place.
    is_shifted: down !== Math.floor(rows / 2) || across !== Math.floor(columns / 2),
    is_strided: stride.some((step) => step !== 1),
    stride_rows: stride[0],
    stride_columns: stride[1],
    is_dilated: dilation.some((step) => step !== 1),
    dilation_rows: dilation[0],
    dilation_columns: dilation[1],
  };
}

function borderFacts({ conv }) {
  const given = borderName(conv.border);
  const fill = given === "constant" ? conv.fill : 0;
  const border = given === "constant" && fill === 0 ? "zero" : given;
  return {
    border,
    border_constant: border === "constant",
    border_reflect: border === "reflect",
    border_symmetric: border === "symmetric",
    fill: pythonNumber(fill),
  };
}

/** Return how sums become values and pixels: bias, combination and range. */
function valueFacts(filter) {
  const { kernels, bias, range, percentile } = filter;
  const own = kernels.map(({ levels }) => levels);
  const biases = bias === null ? own : own.map(() => bias);
  const combine = kernels.length > 1 ? filter.combine : null;
  return {
    ...Object.fromEntries(RANGES.map((name) => [`range_${name}`, name === range])),
    ...Object.fromEntries(COMBINATIONS.map((name) => [`combine_${name}`, name === combine])),
    is_biased: biases.some(Boolean),
    is_bias_in_levels: bias === null && own.some(Boolean),
    bias: numberOrColumn(biases),
    map_type: mapType(filter, biases),
    low: pythonNumber(percentile[0]),
    high: pythonNumber(percentile[1]),
  };
}

/**
 * Return the type of the values that `--range raw` writes for an 8-bit image, as
 * convcli/core/dtypes.py and convcli/core/combine.py choose it.
 */
function mapType({ kernels, combine, conv }, biases) {
  const fill = conv.border === "constant" ? conv.fill : 0;
  const types = kernels.map((kernel, number) => sumType(kernel, fill, biases[number]));
  const names = types.map(({ name }) => name);
  const isWhole = !names.includes("float32");
  const common = commonType(names);
  if (kernels.length === 1 || combine === "max") {
    return common;
  }
  if (combine === "sum" && isWhole) {
    const total = (end) => types.reduce((sum, { ends }) => sum + ends[end], 0n);
    integerType([[total(0), -1n].reduce(lesser), total(1)]);
    return "int64";
  }
  return combine === "sum" || common === "float32" ? common : "float64";
}

/** Return the type of one kernel's map, and the ends of its values if they are integers. */
function sumType({ planes, isInteger, divisor }, fill, bias) {
  if (!isInteger || divisor !== 1 || !isWhole64(fill) || !isWhole64(bias)) {
    return { name: "float32" };
  }
  const weights = planes.flatMap((plane) => Array.from(plane, BigInt));
  const [outside, added] = [fill, bias].map(BigInt);
  const [low, high] = [[0n, outside].reduce(lesser), [255n, outside].reduce(greater)];
  const [up, down] = [greater, lesser].map((choose) =>
    weights.reduce((sum, weight) => sum + choose(weight, 0n), 0n),
  );
  const least = lesser(up * low + down * high, outside);
  const greatest = greater(up * high + down * low, outside);
  const name = integerType([
    [least, least + added, added].reduce(lesser),
    [greatest, greatest + added, added].reduce(greater),
  ]);
  return { name, ends: [least + added, greatest + added] };
}

/** Return whether a number is an integer of 64 bits. */
function isWhole64(number) {
  return Number.isInteger(number) && number >= -(2 ** 63) && number < 2 ** 64;
}

/** Return the smallest type of 32 bits or more that holds two integers. */
function integerType([low, high]) {
  if (low >= -(2n ** 31n) && high < 2n ** 31n) {
    return "int32";
  }
  if (low >= -(2n ** 63n) && high < 2n ** 63n) {
    return "int64";
  }
  if (low >= 0n && high < 2n ** 64n) {
    return "uint64";
  }
  const [from, to] = [low, high].map((end) => pythonNumber(Number(Number(end).toPrecision(3))));
  throw new UsageError(
    `sums may lie between ${from} and ${to}, beyond 64-bit integers; ` +
      "give the weights or the image as floats",
  );
}

/** Return the type that holds the values of maps of several types. */
function commonType(names) {
  if (names.every((name) => name === names[0])) {
    return names[0];
  }
  if (names.includes("float32")) {
    return "float64";
  }
  return names.includes("uint64") ? "uint64" : "int64";
}

function lesser(a, b) {
  return a < b ? a : b;
}

function greater(a, b) {
  return a > b ? a : b;
}

function scipyFacts(facts, border) {
  // The window of an even side begins k // 2 pixels before its own place, unless it is shifted.
  const origin = [
    facts.anchor_row - Math.floor(facts.rows / 2),
    facts.anchor_column - Math.floor(facts.columns / 2),
  ];
  const options = [
    `, mode="${border}"`,
    facts.border_constant ? `, cval=${facts.fill}` : "",
    facts.is_shifted ? `, origin=(${origin.join(", ")}, 0)` : "",
  ];
  const reaches = Math.max(facts.anchor_row, facts.anchor_column) >= SCIPY_REACH;
  const isWrong = facts.is_same && facts.border === "symmetric" && reaches;
  return {
    nd_filters: facts.is_same && !isWrong,
    nd_reaches_far: isWrong,
    nd_options: options.join(""),
    source: "planes",
  };
}

function opencvFacts(facts, border) {
  // filter2D knows neither wrap nor a fill, and its output is as large as its input.
  const crops = !facts.is_same || ["wrap", "constant"].includes(facts.border);
  const pads = crops && facts.is_padded;
  const anchor = facts.is_shifted
    ? `, anchor=(${facts.anchor_column}, ${facts.anchor_row})`
    : "";
  return {
    cv_crops: crops,
    cv_pads: pads,
    cv_border: border,
    source: pads ? "padded" : "image",
    cv_options: crops ? ", anchor=(0, 0)" : `${anchor}, borderType=cv2.${border}`,
    is_sum_by_dft: facts.is_integer && facts.rows * facts.columns >= DFT_AREA,
  };
}

function torchFacts(facts, border) {
  const option = (name) => {
    const [rows, columns] = [facts[`${name}_rows`], facts[`${name}_columns`]];
    return rows === 1 && columns === 1 ? "" : `, ${name}=(${rows}, ${columns})`;
  };
  // F.pad reflects and wraps each pixel once: pads must not exceed the image.
  const repeats = ["reflect", "symmetric", "wrap"].includes(facts.border);
  return {
    torch_pads_first: facts.is_padded && repeats,
    torch_source: facts.is_padded && repeats ? "padded" : "np.atleast_3d(image)",
    torch_pads: facts.is_padded && !repeats,
    torch_mode: border,
    torch_fill: facts.border_constant ? `, value=${facts.fill}` : "",
    torch_options: option("stride") + option("dilation"),
  };
}
