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
      accept: "image/*,.csv,.txt",
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
    host.addEventListener("dragover", (event) => event.preventDefault());
    host.addEventListener("drop", (event) => {
      event.preventDefault();
      this.take(event.dataTransfer);
    });
    this.document.addEventListener("paste", (event) => {
      const [target] = event.composedPath();
      const isField = /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
      const isHere =
        event.composedPath().includes(host) ||
        (target === host.parentElement && target === this.document.body && isLast());
      if (!isField && isHere && host.isConnected && this.take(event.clipboardData)) {
        event.preventDefault();
      }
    });
  }

  /** Take the file or the text of a drop or of the clipboard; return whether there is one. */
  take(data) {
    const text = data.getData("text/plain");
    if (data.files.length > 0) {
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
