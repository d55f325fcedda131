/** The present settings as a command line, and as a text that brings them back. */

import { formatNumber } from "./decimals.mjs";
import { UsageError } from "./errors.mjs";
import { kernelsOfLists, weightsSpec } from "./kernels.mjs";
import { DEFAULTS } from "./session.mjs";

const NAMES = [
  "stride", "dilation", "anchor", "padding", "border", "fill", "operation", "range",
];

/** Return the `convcli apply` command whose result is the map; defaults are left out. */
export function commandText(session) {
  const { settings, input } = session;
  const words = ["convcli", "apply", ...kernelWords(session)];
  for (const name of [...NAMES, "percentile"]) {
    const isDefault = `${settings[name]}` === `${DEFAULTS[name]}`;
    const isUnused = name === "percentile" && settings.range !== "percentile";
    if (!isDefault && !isUnused) {
      words.push(`--${name}`, `${settings[name]}`);
    }
  }
  return [...words, ...input.words].map(quotedWord).join(" ");
}

function kernelWords({ settings, tables }) {
  const { kernel, divisor, bias, combine } = settings;
  const spec = typeof kernel === "string" ? kernel : listsSpec(kernel);
  const { words, scaling } = tables.get(spec) ?? { words: ["-k", spec], scaling: [] };
  const divided = divisor === null ? scaling : ["--divisor", formatNumber(divisor)];
  return [
    ...words,
    ...divided,
    ...(bias === null ? [] : ["--bias", formatNumber(bias)]),
    ...(combine === null ? [] : ["--combine", combine]),
  ];
}

function listsSpec(lists) {
  const { kernels } = kernelsOfLists(lists);
  return kernels.length === 1 ? weightsSpec(kernels[0]) : JSON.stringify(lists);
}

/** Quote a word for a shell, by the quotes that most shells share where that is possible. */
function quotedWord(word) {
  if (/^[\w@%+=:,./-]+$/.test(word)) {
    return word;
  }
  return /["$`\\!]/.test(word) ? `'${word.replaceAll("'", "'\\''")}'` : `"${word}"`;
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
