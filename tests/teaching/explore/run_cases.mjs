// Reads cases from standard input, one line of JSON each, and prints what the page makes of them.
import { createInterface } from "node:readline";

const explore = new URL("../../../convcli/teaching/explore/", import.meta.url);
const { isClipped } = await import(new URL("pixels.mjs", explore));
const { Session } = await import(new URL("session.mjs", explore));
const { explanationText } = await import(new URL("explain_text.mjs", explore));
const { layersText } = await import(new URL("explain_layers_text.mjs", explore));
const { formatNumber, roundNumber } = await import(new URL("decimals.mjs", explore));
const { readSpec } = await import(new URL("kernels.mjs", explore));
const { codeCommand, codeText, commandText } = await import(new URL("command.mjs", explore));
const { inputOfText } = await import(new URL("inputs.mjs", explore));
const { slipsAt } = await import(new URL("quiz.mjs", explore));
const { readTables } = await import(new URL("state.mjs", explore));

const tables = new Map(); // a line {tables} fills it; all later lines read SPECs with it
let programs = null; // and so do those that write programs with its {code}
const numbers = (values) =>
  Array.from(values, (value) => (Number.isFinite(value) ? value : `${value}`));
const plain = ({ name, shape, planes, divisor, bias }) => ({
  name,
  shape,
  planes: planes.map((plane) => Array.from(plane)),
  divisor,
  bias,
});

/** Filter an image; explain a position. */
function filtered({ input, kernels, settings }) {
  const image = { ...input, values: Float64Array.from(input.values, Number) };
  const session = new Session(image, settings, readTables(kernels), 1e6);
  return {
    shape: session.values().shape,
    values: numbers(session.values().values),
    pixels: numbers(session.pixels().values),
    clipped: session.values().values.filter((value) => isClipped(value, session.result.unclipped))
      .length,
    text: explanationText(session.explain()),
  };
}

/** Run layers after a convolution; return the maps of each, and the field of a position of the last. */
function layered({ input, kernels, layerKernels, settings, place: [row, column, map], pixel }) {
  const image = { ...input, values: Float64Array.from(input.values, Number) };
  const tables = new Map([...readTables(kernels), ...readTables(layerKernels)]);
  const session = new Session(image, settings, tables, 1e6);
  const region = { rows: [row], columns: [column], channels: [map] };
  const { rows, columns } = session.fields(settings.layers.length, region)[0];
  return {
    maps: session.stages.map(({ map: { shape, values } }) => ({ shape, values: numbers(values) })),
    pixels: numbers(session.pixels().values),
    field: [rows, columns],
    text: layersText(session.explainLayer(settings.layers.length, [row, column, map])),
    command: commandText(session),
    fed: session.fed(pixel.slice(0, 2), pixel.slice(2)),
  };
}

/** Write a filter as a program, unless the page refuses the settings themselves. */
function coded({ input, kernels, settings, library, isSnippet }) {
  const size = input.shape.reduce((product, side) => product * side);
  const image = { ...input, values: new Float64Array(size) };
  let session;
  try {
    session = new Session(image, settings, new Map([...tables, ...readTables(kernels)]), 1e6);
  } catch (error) {
    return { refused: error.message };
  }
  return { command: codeCommand(session), text: codeText(session, programs, library, isSnippet) };
}

/** Write doubles, given by their bytes, exactly and rounded. */
function written({ doubles }) {
  return doubles.map(([hex, decimals]) => {
    const number = Buffer.from(hex, "hex").readDoubleBE(0);
    return [formatNumber(number), formatNumber(roundNumber(number, decimals))];
  });
}

function result(given) {
  if ("doubles" in given) {
    return written(given);
  }
  if ("tables" in given) {
    readTables(given.tables).forEach((table, spec) => tables.set(spec, table));
    programs = given.code;
    return null;
  }
  if ("library" in given) {
    return coded(given);
  }
  if ("layers" in given) {
    return layered(given.layers);
  }
  if ("quiz" in given) {
    const { input, kernels, settings } = given.quiz;
    const image = { ...input, values: Float64Array.from(input.values) };
    const session = new Session(image, settings, readTables(kernels), 1e6);
    return slipsAt(session, settings.at, 0);
  }
  if ("matrix" in given) {
    const { shape, values, words } = inputOfText(given.matrix);
    return { shape, values: Array.from(values), words };
  }
  if ("spec" in given) {
    const { label, kernels, combine } = readSpec(given.spec, tables);
    return { label, combine, kernels: kernels.map(plain) };
  }
  return filtered(given);
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = result(JSON.parse(line));
  } catch (error) {
    answer = error.name === "UsageError" ? { error: error.message } : { bug: error.stack };
  }
  console.log(JSON.stringify(answer));
}
