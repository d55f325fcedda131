/** The present settings as a command line, and as a text that brings them back. */

import { programText } from "./code.mjs";
import { formatNumber } from "./decimals.mjs";
import { UsageError } from "./errors.mjs";
import { kernelsOfLists, weightsSpec } from "./kernels.mjs";
import { DEFAULTS } from "./session.mjs";
import { quotedWord, splitWords } from "./shell_words.mjs";

const CONV_NAMES = ["stride", "dilation", "anchor", "padding", "border", "fill", "operation"];
const RANGE_NAMES = ["range", "percentile"];

/**
 * Return the `convcli apply` command whose result is the map, or the `convcli chain` command of the
 * layers; defaults are left out.
 */
export function commandText(session) {
  const { settings, input } = session;
  const [conv, range] = optionWords(session);
  const words =
    settings.layers.length === 0
      ? ["apply", ...conv, ...range, ...input.words]
      : ["chain", ...chainInput(input), "conv", ...conv, ...settings.layers.flatMap(splitWords), ...range];
  return ["convcli", ...words].map(quotedWord).join(" ");
}

/** Return the options of the convolution, and those of the range, that are not defaults. */
function optionWords(session) {
  const { settings } = session;
  const isUnused = (name) =>
    (name === "percentile" && settings.range !== "percentile") ||
    (name === "fill" && settings.border !== "constant");
  const optionsOf = (names) =>
    names
      .filter((name) => `${settings[name]}` !== `${DEFAULTS[name]}` && !isUnused(name))
      .flatMap((name) => [`--${name}`, `${settings[name]}`]);
  return [[...kernelWords(session), ...optionsOf(CONV_NAMES)], optionsOf(RANGE_NAMES)];
}

/**
 * Return a program for another library: the convolution that is shown, without layers.
 *
 * Programs read any image, with the channels that the input was read with; see code.mjs.
 */
export function codeText(session, code, library, isSnippet) {
  const { result, conv } = session;
  const { range, percentile, bias } = session.settings;
  const [, channels = "auto"] = channelWords(session);
  const filter = { ...result, conv, range, percentile, bias, channels };
  return programText(code, library, filter, codeCommand(session), isSnippet);
}

/** Return the command whose pixels a program gives, but for its input. */
export function codeCommand(session) {
  const words = ["convcli", "apply", ...optionWords(session).flat(), ...channelWords(session)];
  // On one line, since it is in a comment; ; ends rows of weights as well.
  return words.map((word) => quotedWord(word.replace(/\r?\n/g, "; "))).join(" ");
}

function channelWords({ input: { words } }) {
  const at = words.indexOf("--channels");
  return at < 0 ? [] : words.slice(at, at + 2);
}

/** Return the arguments by which chain reads the input: it always drops alpha. */
function chainInput({ words }) {
  const at = words.indexOf("--alpha");
  return at < 0 ? words : words.toSpliced(at, 2);
}

function kernelWords({ settings, tables, results }) {
  const { kernel, divisor, bias, combine } = settings;
  const spec = typeof kernel === "string" ? kernel : listsSpec(kernel);
  const { words, scaling } = tables.get(spec) ?? { words: ["-k", spec], scaling: [] };
  const kernels = results.flatMap((result) => result.kernels);
  const isOwnDivisor = divisor === null || kernels.every((each) => each.ownDivisor === divisor);
  const isOwnBias = bias === null || kernels.every((each) => each.ownBias === bias);
  return [
    ...words,
    ...(isOwnDivisor ? scaling : ["--divisor", formatNumber(divisor)]),
    ...(isOwnBias ? [] : ["--bias", formatNumber(bias)]),
    ...(combine === null ? [] : ["--combine", combine]),
  ];
}

function listsSpec(lists) {
  const { kernels } = kernelsOfLists(lists);
  return kernels.length === 1 ? weightsSpec(kernels[0]) : JSON.stringify(lists);
}

/** Write the settings that are not defaults as one line. */
export function stateText({ settings }) {
  const changed = Object.entries(settings).filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(DEFAULTS[name]),
  );
  return JSON.stringify(Object.fromEntries(changed));
}

/** Read the settings of stateText; those that it leaves out are defaults. */
export function readState(text) {
  let state = null;
  try {
    state = JSON.parse(text);
  } catch {
    // The error below says it.
  }
  if (state === null || typeof state !== "object" || !("kernel" in state)) {
    throw new UsageError("this is not the state of a page; copy the whole line");
  }
  return { ...DEFAULTS, ...state };
}
