/** Give the page an input of one's own: open, drop or paste a file, or type a matrix. */

import { button, element } from "./elements.mjs";
import { inputOfFile, inputOfText } from "./inputs.mjs";
import { TEXTS } from "./texts.mjs";

export class InputPanel {
  static lastUsed = null; // of several pages in a document, what is pasted beside them goes here

  /**
   * @param {HTMLElement} host takes what is dropped or pasted on it
   * @param {(changes: object | Function) => Promise<void>} attempt changes the input, or says why
   *   it cannot
   */
  constructor(document, session, attempt, host) {
    this.document = document;
    this.session = session;
    this.attempt = attempt;
    this.file = element(document, "input", {
      type: "file",
      accept: "image/*,.csv,.tsv,.txt,.json",
      "aria-label": TEXTS.openFile,
      onchange: () => this.takeFile(this.file.files[0]),
    });
    this.text = element(document, "textarea", {
      rows: 3,
      "aria-label": TEXTS.matrix,
      placeholder: TEXTS.matrixHint,
    });
    this.root = element(
      document,
      "section",
      { class: "panel own" },
      element(document, "h2", {}, TEXTS.ownInput),
      this.file,
      this.text,
      element(
        document,
        "div",
        { class: "buttons" },
        button(document, TEXTS.useMatrix, () => this.takeText(this.text.value)),
      ),
      element(document, "p", { class: "hint" }, TEXTS.ownHint),
    );
    this.listen(host);
  }

  /** Take what is dropped, or pasted, on the page or on a document that has only pages. */
  listen(host) {
    InputPanel.lastUsed ??= host;
    const isLast = () => InputPanel.lastUsed === host;
    host.addEventListener("pointerenter", () => {
      InputPanel.lastUsed = host;
    });
    host.addEventListener("dragover", (event) => {
      if (!isForField(event, event.dataTransfer)) {
        event.preventDefault();
      }
    });
    host.addEventListener("drop", (event) => {
      if (!isForField(event, event.dataTransfer)) {
        event.preventDefault();
        this.take(event.dataTransfer);
      }
    });
    this.document.addEventListener("paste", (event) => {
      const { clipboardData: data } = event;
      const [target] = event.composedPath();
      const isHere =
        event.composedPath().includes(host) ||
        (target === host.parentElement && target === this.document.body && isLast());
      if (!isForField(event, data) && isHere && host.isConnected && this.take(data)) {
        event.preventDefault();
      }
    });
  }

  /** Take the file or the text of a drop or of the clipboard; return whether there is one. */
  take(data) {
    const text = data.getData("text/plain");
    const isNumbers = /^[-+−\d.,;e\s]+$/i.test(text); // of cells; a spreadsheet adds an image
    if (data.files.length > 0 && !isNumbers) {
      this.takeFile(data.files[0]);
    } else if (text) {
      this.takeText(text);
    }
    return data.files.length > 0 || text !== "";
  }

  async takeFile(file) {
    if (file !== undefined) {
      await this.attempt(async () => ({ input: await inputOfFile(file, this.document) }));
    }
  }

  async takeText(text) {
    await this.attempt(() => ({ input: inputOfText(text) }));
  }
}

/** Return whether what is dropped or pasted is text over a field in which one writes. */
function isForField(event, data) {
  const [target] = event.composedPath();
  return Boolean(target.matches?.(":read-write")) && data.types.includes("text/plain");
}
