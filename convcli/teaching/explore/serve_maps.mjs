/** The script of a worker that computes maps, for a page that is no file of its own. */

import { serveMaps } from "./map_worker.mjs";

serveMaps(globalThis);
