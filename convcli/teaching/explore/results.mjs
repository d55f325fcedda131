/** The maps of a job: of each kernel, of those that are combined, and of the layers after them. */

import { applyLayer } from "./layers.mjs";
import { combineMaps, correlate, stackMaps } from "./sums.mjs";

/**
 * Compute the maps of a job.
 *
 * @param {{image: object, groups: {kernels: object[], combine: string | null}[], conv: object,
 *   layers: object[]}} job plain data, which a worker can be sent
 * @returns {{results: {maps: object[], map: object}[], stages: object[]}} the maps of each group,
 *   and of each layer
 */
export function mapsOf({ image, groups, conv, layers }) {
  const results = groups.map(({ kernels, combine }) => {
    const maps = kernels.map((kernel) => correlate(image, kernel, conv));
    return { maps, map: combineMaps(maps, combine) };
  });
  const stages = [];
  if (layers.length > 0) {
    let maps = stackMaps(results.map(({ map }) => map));
    for (const layer of layers) {
      maps = applyLayer(layer, maps);
      stages.push(maps);
    }
  }
  return { results, stages };
}
