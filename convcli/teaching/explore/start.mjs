/** The page as a file of its own; inside a worker, the same script computes maps. */

import { readState } from "./command.mjs";
import { serveMaps } from "./map_worker.mjs";
import { mount } from "./mount.mjs";

const PAUSE_TO_REMEMBER = 400; // milliseconds; browsers limit how often an address changes

function startPage() {
  const state = JSON.parse(document.querySelector("script[data-convcli-state]").textContent);
  const script = document.querySelector("script[data-convcli-script]").textContent;
  const root = document.querySelector("[data-convcli-page]");
  let [timer, first] = [undefined, null];
  const remember = (text) => {
    first ??= text; // the page's own settings, for which no hash is needed
    clearTimeout(timer);
    if (text === first && !location.hash) {
      return;
    }
    timer = setTimeout(() => writeHash(encodeURIComponent(text)), PAUSE_TO_REMEMBER);
  };
  const { api } = mount(root, state, { script, readSettings: hashSettings, remember });
  Object.assign(window.convcli, api);
}

function hashSettings() {
  let text = location.hash.slice(1);
  try {
    text = decodeURIComponent(text);
  } catch {
    // Then it is no state of a page, which readState says.
  }
  return text === "" ? null : readState(text);
}

function writeHash(text) {
  try {
    history.replaceState(null, "", `#${text}`);
  } catch {
    location.hash = text; // in a frame with srcdoc
  }
}

if (typeof document === "undefined") {
  serveMaps(globalThis);
} else {
  startPage();
}
