/** Build the page under a shadow root; several pages can stand in one document. */

import { scriptApi } from "./api.mjs";
import { element } from "./elements.mjs";
import { UsageError } from "./errors.mjs";
import { ExplanationPanel } from "./explanation_panel.mjs";
import { CodePanel } from "./code_panel.mjs";
import { InputPanel } from "./input_panel.mjs";
import { shortName } from "./kernels.mjs";
import { KernelPanel } from "./kernel_panel.mjs";
import { LayersPanel } from "./layers_panel.mjs";
import { MapWorker } from "./map_worker.mjs";
import { MapsView } from "./maps_view.mjs";
import { Session } from "./session.mjs";
import { SettingsPanel } from "./settings_panel.mjs";
import { readInput, readTables } from "./state.mjs";
import { TakeAway } from "./take_away.mjs";
import { TEXTS } from "./texts.mjs";
import { Timeline } from "./timeline.mjs";

/**
 * Show a page inside an element.
 *
 * @param {HTMLElement} root
 * @param {object} state the page's data; see state.mjs
 * @param {{script?: string, readSettings?: () => object | null, remember?: (state: string) => void}}
 *   host the text of this script, for a worker; reads settings in place of the page's own, if there
 *   are any; keeps the state for later
 * @returns {{api: object, session: Session, maps: MapsView, attempt: Function}} the functions for
 *   scripts, see api.mjs; what the page shows; and what changes it, or says why it cannot
 */
export function mount(root, state, host = {}) {
  const { script = "", readSettings = () => null, remember = () => {} } = host;
  const document = root.ownerDocument;
  const shadow = root.attachShadow({ mode: "open" });
  const worker = script ? new MapWorker(script) : null;
  const input = readInput(state.input);
  const { session, refusal } = startSession(input, state, readSettings, worker);
  const problem = element(document, "p", { class: "problem", role: "alert" }, refusal);
  const working = element(document, "p", { class: "working", role: "status" });

  /** Change settings; say why where that cannot be, and show the old ones again. */
  async function attempt(changes) {
    try {
      await session.change(typeof changes === "function" ? await changes() : changes);
      problem.textContent = "";
    } catch (error) {
      if (!(error instanceof UsageError)) {
        throw error;
      }
      problem.textContent = error.message;
      session.notify("result");
    }
  }

  const maps = new MapsView(document, session, attempt);
  const timeline = new Timeline(document, session, maps);
  const kernel = new KernelPanel(document, session, attempt);
  const settingsPanel = new SettingsPanel(document, session, attempt);
  const arithmetic = new ExplanationPanel(document, session, (isHidden) => {
    maps.hideOutput(isHidden);
    layers.hideOutput(isHidden);
  });
  const own = new InputPanel(document, session, attempt, root);
  const layers = new LayersPanel(document, session, attempt, maps, (value) =>
    arithmetic.showLayer(value),
  );
  const away = new TakeAway(document, session, { attempt, last: layers, remember });
  const code = new CodePanel(document, session, state.code);
  const title = element(document, "h1", {});
  session.onChange((what) => {
    working.textContent = what === "work" ? TEXTS.working : "";
    title.textContent = TEXTS.title(shortName(session.result.label), session.input.name);
  });
  shadow.append(
    element(document, "style", {}, state.css),
    element(
      document,
      "header",
      {},
      title,
      element(document, "div", { class: "status" }, working, problem, settingsPanel.formula),
    ),
    element(
      document,
      "main",
      { class: "page" },
      maps.root,
      element(
        document,
        "div",
        { class: "below" },
        timeline.root,
        element(document, "p", { class: "hint" }, TEXTS.gridHint),
        layers.root,
      ),
      arithmetic.root,
      element(
        document,
        "div",
        { class: "side" },
        kernel.root,
        settingsPanel.root,
        layers.editor,
        own.root,
      ),
      away.root,
      code.root,
    ),
  );
  session.notify("maps");
  return { api: scriptApi(session, state.code, Promise.resolve()), session, maps, attempt };
}

/** Begin with the settings that are read, or with the page's own where those no longer fit. */
function startSession(input, state, readSettings, worker) {
  const tables = readTables(state.kernels);
  const unscaled = [...tables].filter(([, { scaling }]) => scaling.length === 0);
  const layerTables = new Map([...unscaled, ...readTables(state.layerKernels)]);
  const compute = worker && ((job) => worker.compute(job));
  const start = (begin) =>
    new Session(input, begin, tables, state.maxValues, compute, layerTables);
  try {
    return { session: start(readSettings() ?? state.settings), refusal: "" };
  } catch (error) {
    if (!(error instanceof UsageError)) {
      throw error;
    }
    return { session: start(state.settings), refusal: TEXTS.unfit(error.message) };
  }
}
