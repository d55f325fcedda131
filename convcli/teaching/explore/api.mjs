/**
 * `window.convcli`: the page for scripts, such as those of a lesson or a test.
 *
 * - `ready`: a Promise that resolves when the first map is there; the others exist from then on.
 * - `set(changes)`: changes any of `input`, `kernel`, `divisor`, `bias`, `stride`, `dilation`,
 *   `anchor`, `padding`, `border`, `fill`, `operation`, `range`, `percentile`, `combine`, `layers` and
 *   `at`. The Promise resolves when the map is current; it rejects with an Error in the command's
 *   words, and then nothing has changed. The input is nested lists, (H, W) or (H, W, C); the kernel is the text of
 *   a SPEC, or nested lists, (kh, kw), (C, kh, kw) or (N, C, kh, kw); pairs are [rows, columns];
 *   the padding is a word, a number, or [top, bottom, left, right]; layers are a list of texts.
 * - `map()`: `{shape: [rows, columns, channels], values: Float64Array}`, the values before the
 *   range. The maps of a bank stand one after the other along the channels. With layers, they are
 *   the maps of the last one.
 * - `pixels()`: the same after the range.
 * - `stages()`: the layers after the convolution in order, each `{layer, shape, values}`.
 * - `explain(row, column, channel = 0)`: of the convolution's map, `{window, weights, products, sum, value}`, nested lists;
 *   a list of them, one for each input channel, where channels are summed, each with its own sum;
 *   a list with an entry for each kernel where several are combined.
 * - `command()`: the command line of the present settings.
 * - `code(library, isSnippet = false)`: a program for numpy, scipy, opencv or torch that gives the
 *   pixels of the convolution, or its call alone; it throws an Error where `convcli code` refuses.
 * - `state()`: the present settings as text.
 */

import { codeText, commandText, stateText } from "./command.mjs";
import { quoted, UsageError } from "./errors.mjs";
import { asPair } from "./geometry.mjs";
import { inputOfLists } from "./inputs.mjs";

/** Return the functions for scripts of a page that shows a session. */
export function scriptApi(session, code, ready) {
  return {
    ready,
    set: async (settings) => {
      if (settings === null || typeof settings !== "object") {
        throw new UsageError(`set takes an object such as { stride: 2 }, not ${quoted(settings)}`);
      }
      const { input, ...changes } = settings;
      const given = input === undefined ? {} : { input: inputOfLists(input) };
      await session.change({ ...changes, ...given }, true);
    },
    map: () => session.values(),
    pixels: () => session.pixels(),
    stages: () => session.stages.map(({ layer, map }) => ({ layer: layer.label, ...map })),
    explain: (row, column, channel = 0) => explained(session, row, column, channel),
    command: () => commandText(session),
    code: (library, isSnippet = false) => codeText(session, code, library, isSnippet),
    state: () => stateText(session),
  };
}

function explained(session, row, column, channel) {
  // The channels of a bank's maps stand one after the other.
  const { results } = session;
  const [, , count] = session.result.map.shape;
  if (!Number.isInteger(channel) || channel < 0 || channel >= results.length * count) {
    throw new UsageError(`there is no channel ${quoted(channel)}`);
  }
  const at = asPair([row, column], "position", 0);
  const output = session.explain(at, results[Math.floor(channel / count)]).outputs[channel % count];
  const entries = output.responses.map(({ sums, sum, value }) => {
    const parts = sums.map((part) => ({
      window: part.window,
      weights: part.weights,
      products: part.products.map((line) => line.map(Number)),
      sum: Number(part.sum),
      value,
    }));
    return parts.length === 1 ? { ...parts[0], sum: Number(sum) } : parts;
  });
  return entries.length === 1 ? entries[0] : entries;
}
