/**
 * The data that a page is written with, as convcli/teaching/explore/page.py writes them.
 *
 * @typedef {object} PageState
 * @property {string} css
 * @property {{name, shape, dtype, pixels, channels, maxValue, words}} input pixels in base64, in
 *   little-endian order
 * @property {object[]} kernels {spec, group, combine, usage, takesAngle, words, scaling,
 *   kernels}; planes
 *   of integers are lists, others doubles in base64. A kernel can be the SPEC of another table.
 *   Fields with the values below are left out, as the name of a kernel if it is the SPEC.
 * @property {object[]} layerKernels tables of kernels that layers name, where they differ from
 *   those above
 * @property {object} code what programs for other libraries are made of; see code.mjs
 * @property {object} settings
 * @property {number} maxValues of the padded input, and of all maps together
 */

const ARRAYS = {
  u1: Uint8Array,
  u2: Uint16Array,
  f4: Float32Array,
  f8: Float64Array,
};

/** Return the input of a page's data; its values are doubles. */
export function readInput({ dtype, pixels, ...input }) {
  return { ...input, values: decoded(pixels, dtype) };
}

/** Return the numbers whose bytes are given in base64, as doubles. */
function decoded(text, dtype) {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let place = 0; place < bytes.length; place++) {
    bytes[place] = letters.charCodeAt(place); // a loop, five times as fast as Uint8Array.from
  }
  return Float64Array.from(new ARRAYS[dtype](bytes.buffer));
}

/** Return the kernels of a page's data by SPEC. */
export function readTables(tables) {
  const bySpec = new Map(tables.map((table) => [table.spec, table.kernels]));
  return new Map(
    tables.map(({ spec, ...given }) => {
      const usual = { combine: null, usage: "", takesAngle: false, words: ["-k", spec], scaling: [] };
      const kernels = given.kernels.map((kernel) =>
        typeof kernel === "string"
          ? readKernel(bySpec.get(kernel)[0], kernel)
          : readKernel(kernel, spec),
      );
      return [spec, { ...usual, ...given, label: spec, kernels }];
    }),
  );
}

function readKernel(kernel, name) {
  const planes = kernel.planes.map((plane) =>
    typeof plane === "string" ? decoded(plane, "f8") : Float64Array.from(plane),
  );
  const isInteger = kernel.planes.every(Array.isArray);
  return { name, addsChannels: false, divisor: 1, bias: 0, ...kernel, planes, isInteger };
}
