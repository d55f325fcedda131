/**
 * Inputs that a person gives to the page: nested lists, text, image files, painted pixels.
 *
 * An input is {name, shape: [rows, columns, channels], values, channels: names, maxValue, words}.
 * `words` are the arguments by which the command reads it; INPUT stands for what no file holds.
 * `isDecoded` is true of an image that the browser read, and the command may read otherwise.
 */

import { prefixErrors, quoted, UsageError } from "./errors.mjs";
import { parsedLists } from "./kernels.mjs";

const MAX_SIDE_READ = 512; // of an image; larger ones are reduced
const COLORS = ["red", "green", "blue"];
const INNERMOST = /\[[^[\]]*\]/g;
const PLAIN_NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;
export const UNNAMED_INPUT = ["INPUT"];

/** Return nested lists, (H, W) or (H, W, C), as an input of plain numbers. */
export function inputOfLists(lists) {
  const isGray = !Array.isArray(lists?.[0]?.[0]);
  const shape = [lists?.length, lists?.[0]?.length, isGray ? 1 : lists[0][0].length];
  const numbers = lists?.flat?.(2) ?? [];
  const values = Float64Array.from(numbers);
  const isRegular =
    shape.every((side) => side > 0) &&
    numbers.every((number) => typeof number === "number") &&
    values.length === shape[0] * shape[1] * shape[2] &&
    lists.every(
      (row) => row.length === shape[1] && (isGray || row.every((cell) => cell.length === shape[2])),
    );
  if (!isRegular) {
    throw new UsageError("an input is nested lists of numbers, of one length: (H, W) or (H, W, C)");
  }
  const input = {
    name: "matrix",
    shape,
    values,
    channels: channelNames(shape[2]),
    maxValue: null,
  };
  return { ...input, words: shape[2] === 1 ? matrixWords(input) : UNNAMED_INPUT };
}

/** Return the names of an image's channels: colors if there are three, else numbers from 1. */
export function channelNames(count) {
  return count === 3 ? COLORS : Array.from({ length: count }, (_, number) => `channel ${number + 1}`);
}

function matrixWords({ shape: [rows, columns], values }) {
  const lines = Array.from({ length: rows }, (_, row) =>
    values.slice(row * columns, (row + 1) * columns).join(" "),
  );
  return ["--matrix", lines.join("; ")];
}

/** Read a matrix: rows of numbers as typed, copied from a spreadsheet, or written as Python lists. */
export function inputOfText(text) {
  const { lists: nested, depth } = pythonLists(text);
  if (depth > 2) {
    return inputOfLists(parsedLists(nested)); // of several channels
  }
  const rows =
    depth > 0
      ? nested.match(INNERMOST).flatMap((row) => row.slice(1, -1).split(";"))
      : text.trim().split(/\n/.test(text.trim()) ? /;?[ \t]*\n/ : ";");
  const lists = rows
    .map((row) => row.trim().replace(/;$/, ""))
    .filter(Boolean)
    .map((row) => {
      // Between tabs or semicolons, a comma can only be a decimal one.
      const separator = row.match(/[\t;]/);
      const cells = separator
        ? row.split(separator[0]).map((cell) => cell.replace(",", "."))
        : row.replace(/,$/, "").split(/\s*,\s*|\s+/);
      return cells.map((cell) => cell.trim().replace("−", "-"));
    });
  for (const [number, row] of lists.entries()) {
    const wrong = row.find((cell) => !PLAIN_NUMBER.test(cell) || !Number.isFinite(Number(cell)));
    if (wrong !== undefined) {
      throw new UsageError(`row ${number + 1}: '${wrong}' is not a finite number`);
    }
    if (row.length !== lists[0].length) {
      throw new UsageError(
        `rows differ in length: row 1 has ${lists[0].length}, row ${number + 1} has ${row.length}`,
      );
    }
  }
  if (lists.length === 0) {
    throw new UsageError("the matrix is empty; write rows as in 1 2 3; 4 5 6");
  }
  return inputOfLists(lists.map((row) => row.map(Number)));
}

/**
 * Return Python's lists, tuples or array(...) with all brackets square, and how deep they are: 0
 * for a text that has none.
 */
function pythonLists(text) {
  const call = text.trim().match(/^[\w.]+\(([^]*)\)$/); // array([[1, 2]], dtype=float32)
  const inside = call ? call[1].replace(/(,\s*\w+\s*=[^=[\]]*)+$/, "") : text;
  const lists = inside.replaceAll("(", "[").replaceAll(")", "]");
  let rest = lists;
  let depth = 0;
  for (let pattern = INNERMOST; rest.search(pattern) >= 0; depth++) {
    rest = rest.replace(pattern, "");
    pattern = /\[[\s,;]*\]/g; // around others, there are only separators
  }
  if (/[[\]]/.test(rest) || (depth > 0 && /[^\s,;]/.test(rest))) {
    throw new UsageError("the brackets do not match; write rows as in [[1, 2, 3], [4, 5, 6]]");
  }
  return { lists, depth };
}

/** Read a file: an image as the browser decodes it, in 8 bits, or a matrix as text. */
export async function inputOfFile(file, document) {
  const { name, type } = file;
  if (!type.startsWith("image/")) {
    if (!type.startsWith("text/") && !/\.(csv|tsv|txt|json)$/i.test(name)) {
      throw new UsageError(
        `${name} is neither an image nor a matrix as text (.csv, .txt); convcli explore may read it`,
      );
    }
    const text = await file.text();
    const input = prefixErrors(name, () => inputOfText(text));
    return { ...input, name, words: /\.(csv|txt)$/i.test(name) ? [name] : input.words };
  }
  let bitmap;
  try {
    bitmap = await document.defaultView.createImageBitmap(file);
  } catch {
    throw new UsageError(`${name} cannot be read as an image by this browser`);
  }
  const scale = Math.min(MAX_SIDE_READ / Math.max(bitmap.width, bitmap.height), 1);
  const [rows, columns] = [bitmap.height, bitmap.width].map((side) =>
    Math.max(Math.round(side * scale), 1),
  );
  const canvas = document.createElement("canvas");
  [canvas.height, canvas.width] = [rows, columns];
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff"; // below what is transparent
  context.fillRect(0, 0, columns, rows);
  context.drawImage(bitmap, 0, 0, columns, rows);
  const { data } = context.getImageData(0, 0, columns, rows);
  const isGray = data.every(
    (level, place) => place % 4 === 3 || level === data[place - (place % 4)],
  );
  const count = isGray ? 1 : 3;
  const values = Float64Array.from(
    { length: rows * columns * count },
    (_, place) => data[4 * Math.floor(place / count) + (place % count)],
  );
  const size = scale < 1 ? ["--resize", `${columns}x${rows}`] : [];
  const gray = isGray ? ["--channels", "gray"] : []; // its file can hold three equal channels
  return {
    name,
    shape: [rows, columns, count],
    values,
    channels: channelNames(isGray ? 1 : 3),
    maxValue: 255,
    words: [...size, ...gray, name],
    isDecoded: true,
  };
}

/** Return an input with another value at a pixel, in all its channels. */
export function painted(input, [row, column], value) {
  const { maxValue } = input;
  if (typeof value !== "number") {
    throw new UsageError(`the value to paint with must be a number, not ${quoted(value)}`);
  }
  if (maxValue !== null && !(Number.isInteger(value) && value >= 0 && value <= maxValue)) {
    throw new UsageError(`a pixel is a whole number from 0 to ${maxValue}, not ${value}`);
  }
  const [, columns, channels] = input.shape;
  const values = input.values.slice();
  const first = (row * columns + column) * channels;
  values.fill(value, first, first + channels);
  const changed = { ...input, values };
  const isMatrix = channels === 1 && maxValue === null;
  return { ...changed, words: isMatrix ? matrixWords(changed) : UNNAMED_INPUT };
}
