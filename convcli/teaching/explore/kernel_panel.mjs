/** Choose a kernel by name or SPEC, edit its weights, and set divisor, bias and combination. */

import { formatNumber } from "./decimals.mjs";
import { choice, element, field, labeled, offer, typedNumber } from "./elements.mjs";
import { UsageError } from "./errors.mjs";
import { KernelEditor } from "./kernel_editor.mjs";
import { weightsSpec } from "./kernels.mjs";
import { COMBINATIONS } from "./sums.mjs";
import { TEXTS } from "./texts.mjs";

export class KernelPanel {
  /**
   * @param {(changes: object) => void} attempt changes settings, or says why it cannot
   */
  constructor(document, session, attempt) {
    this.document = document;
    this.session = session;
    this.attempt = attempt;
    this.number = 0; // of the kernel of a family that is shown
    this.names = this.nameChoice();
    this.spec = field(document, TEXTS.spec, (text) => attempt({ kernel: text.trim() }), {
      placeholder: TEXTS.specHint,
    });
    this.members = element(document, "select", {
      "aria-label": TEXTS.familyMember,
      onchange: () => {
        this.number = Number(this.members.value);
        this.refresh();
      },
    });
    this.memberLabel = labeled(document, TEXTS.familyMember, this.members);
    this.editor = new KernelEditor(
      document,
      (kernel) => this.edited(kernel),
      (message) => attempt(() => Promise.reject(new UsageError(message))),
    );
    this.divisor = this.numberField(TEXTS.divisor, "divisor");
    this.bias = this.numberField(TEXTS.bias, "bias");
    this.combine = choice(document, TEXTS.combine, COMBINATIONS, (word) =>
      attempt({ combine: word }),
    );
    this.combineLabel = labeled(document, TEXTS.combine, this.combine);
    this.root = element(
      document,
      "section",
      { class: "panel kernel" },
      element(document, "h2", {}, TEXTS.kernel),
      labeled(document, TEXTS.named, this.names),
      labeled(document, TEXTS.spec, this.spec),
      this.memberLabel,
      this.editor.root,
      labeled(document, TEXTS.divisor, this.divisor),
      labeled(document, TEXTS.bias, this.bias),
      this.combineLabel,
    );
    session.onChange((what) => {
      if (what !== "position" && what !== "work") {
        this.refresh();
      }
    });
  }

  /** Make the choice of all kernels that the page has, by groups. */
  nameChoice() {
    const { document, session } = this;
    const groups = new Map();
    for (const [name, { group }] of session.tables) {
      groups.set(group, [
        ...(groups.get(group) ?? []),
        element(document, "option", { value: name }, name),
      ]);
    }
    const parts = [...groups].map(([label, options]) =>
      element(document, "optgroup", { label }, ...options),
    );
    const typed = element(document, "option", { value: "" }, TEXTS.typed);
    return element(
      document,
      "select",
      {
        "aria-label": TEXTS.named,
        onchange: (event) => event.target.value && this.attempt({ kernel: event.target.value }),
      },
      typed,
      ...parts,
    );
  }

  numberField(label, name) {
    return field(
      this.document,
      label,
      (text) => this.attempt({ [name]: text.trim() === "" ? null : typedNumber(text) }),
      { inputmode: "decimal" },
    );
  }

  refresh() {
    const { session } = this;
    const { result, settings, input } = session;
    const { kernels, label } = result;
    this.number = Math.min(this.number, kernels.length - 1);
    const kernel = kernels[this.number];
    this.names.value = session.tables.has(settings.kernel) ? settings.kernel : "";
    this.spec.value = typeof settings.kernel === "string" ? settings.kernel : label;
    this.memberLabel.hidden = kernels.length === 1;
    offer(
      this.members,
      kernels.map(({ name }, number) => [name, number]),
    );
    this.members.value = this.number;
    this.editor.show(kernel, input.channels, kernels.length * session.results.length === 1);
    this.divisor.value = formatNumber(kernel.divisor);
    this.bias.value = formatNumber(kernel.bias);
    this.combineLabel.hidden = result.combine === null;
    this.combine.value = result.combine ?? COMBINATIONS[0];
  }

  /** Take a kernel with other weights: it is the SPEC of a matrix from now on. */
  edited(kernel) {
    this.attempt({
      kernel: weightsSpec(kernel),
      divisor: kernel.divisor === 1 ? null : kernel.divisor,
      bias: kernel.bias === 0 ? null : kernel.bias,
    });
  }
}
