/** Large maps are computed in a worker, made from the page's own script. */

import { mapsOf } from "./results.mjs";

export class MapWorker {
  /**
   * @param {string} script the text of the page's script, which computes maps where it finds no
   *   document
   */
  constructor(script) {
    this.script = script;
    this.worker = null;
    this.waiting = []; // those that wait for maps; a newer job answers older ones, too
  }

  /** Compute the maps of a job; a job that is still under way is given up. */
  compute(job) {
    this.worker?.terminate();
    const answered = new Promise((resolve) => this.waiting.push(resolve));
    const answer = (maps) => {
      this.worker = null;
      for (const resolve of this.waiting.splice(0)) {
        resolve(maps);
      }
    };
    try {
      const url = URL.createObjectURL(new Blob([this.script], { type: "text/javascript" }));
      this.worker = new Worker(url); // pages from disk may not start workers that are modules
      this.worker.onmessage = ({ data }) => {
        this.worker.terminate();
        URL.revokeObjectURL(url);
        answer(data);
      };
      this.worker.onerror = () => answer(mapsOf(job));
      this.worker.postMessage(job);
    } catch {
      answer(mapsOf(job)); // there are no workers here
    }
    return answered;
  }
}

/** Answer jobs inside a worker. */
export function serveMaps(scope) {
  scope.onmessage = ({ data }) => {
    scope.postMessage(mapsOf(data));
  };
}
