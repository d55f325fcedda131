/** The cells of a kernel to type into, and buttons that change all of them. */

import { exactTotal, formatNumber, toNumber } from "./decimals.mjs";
import { button, element, field, labeled, offer } from "./elements.mjs";
import { quoted } from "./errors.mjs";
import { sizeText } from "./geometry.mjs";
import { parseMatrix, planeRows } from "./kernels.mjs";
import { TEXTS } from "./texts.mjs";

const MAX_EDITED = 15;
const WIDE = 8; // columns; more have narrow cells

export class KernelEditor {
  /**
   * @param {(kernel: object) => void} change takes the kernel with other weights
   * @param {(message: string) => void} refuse says what cannot be
   */
  constructor(document, change, refuse) {
    this.document = document;
    this.change = change;
    this.refuse = refuse;
    this.plane = 0;
    this.kernel = null;
    this.table = element(document, "div", {
      class: "cells",
      role: "group",
      "aria-label": TEXTS.kernel,
    });
    this.planes = element(document, "select", { onchange: () => this.choosePlane() });
    this.planeLabel = labeled(document, TEXTS.plane, this.planes);
    this.rows = this.sideField(0, TEXTS.rows);
    this.columns = this.sideField(1, TEXTS.columns);
    const turning = (name, turn) => button(document, TEXTS[name], () => this.turn(turn));
    this.buttons = element(
      document,
      "div",
      { class: "buttons" },
      turning("mirror", mirrored),
      turning("rotate", turnedRows),
      turning("transpose", transposed),
      turning("negate", (plane) => plane.map((row) => row.map((weight) => 0 - weight))),
      turning("normalize", null),
      turning("zero", (plane) => plane.map((row) => row.map(() => 0))),
    );
    this.sides = element(
      document,
      "div",
      { class: "sides" },
      labeled(document, TEXTS.rows, this.rows),
      labeled(document, TEXTS.columns, this.columns),
    );
    this.hint = element(document, "p", { class: "hint" }, TEXTS.keys);
    this.alone = button(document, TEXTS.alone, () => this.change(this.kernel));
    this.root = element(
      document,
      "div",
      { class: "editor" },
      this.planeLabel,
      this.table,
      this.buttons,
      this.sides,
      this.hint,
      this.alone,
    );
  }

  sideField(axis, label) {
    return field(this.document, label, (value) => {
      const side = Number(value);
      if (Number.isInteger(side) && side >= 1 && side <= MAX_EDITED) {
        this.apply((plane) => resized(plane, axis, side));
      } else {
        this.show(this.kernel, this.channels, this.isEditable);
        this.refuse(TEXTS.wrongSide(label, MAX_EDITED, quoted(value)));
      }
    });
  }

  /** Show a kernel; `channels` are the names of its planes. One of several cannot be edited. */
  show(kernel, channels, isEditable) {
    this.kernel = kernel;
    this.channels = channels;
    this.isEditable = isEditable;
    this.buttons.hidden = this.sides.hidden = this.hint.hidden = !isEditable;
    this.alone.hidden = isEditable;
    const { shape, planes } = kernel;
    this.plane = Math.min(this.plane, planes.length - 1);
    this.planeLabel.hidden = planes.length < 2;
    offer(
      this.planes,
      planes.map((_, number) => [channels[number] ?? `${number + 1}`, number]),
    );
    this.planes.value = this.plane;
    this.rows.value = shape[0];
    this.columns.value = shape[1];
    this.fill();
  }

  choosePlane() {
    this.plane = Number(this.planes.value);
    this.fill();
  }

  fill() {
    const [rows, columns] = this.kernel.shape;
    if (Math.max(rows, columns) > MAX_EDITED) {
      this.table.replaceChildren(TEXTS.tooLarge(sizeText([rows, columns])));
      this.table.dataset.size = "";
      return;
    }
    const plane = planeRows(this.kernel, this.plane);
    const texts = plane.map((row) => row.map(formatNumber));
    const isSame =
      this.inputs?.length === rows * columns &&
      this.table.dataset.size === sizeText([rows, columns]);
    if (!isSame) {
      this.build(rows, columns);
    }
    this.inputs.forEach((input, place) => {
      const text = texts[Math.floor(place / columns)][place % columns];
      if (input.getRootNode().activeElement !== input || input.dataset.text !== text) {
        input.value = text;
      }
      input.dataset.text = text;
      input.readOnly = !this.isEditable;
      input.classList.toggle("negative", text.startsWith("-"));
      input.classList.toggle("positive", !text.startsWith("-") && text !== "0");
    });
    const longest = Math.max(...texts.flat().map((text) => Math.min(text.length, 7)));
    const isWide = columns > WIDE;
    this.table.classList.toggle("wide", isWide);
    this.table.style.setProperty("--letters", Math.max(longest, isWide ? 1 : 2));
  }

  build(rows, columns) {
    this.table.dataset.size = sizeText([rows, columns]);
    this.table.style.setProperty("--columns", columns);
    this.inputs = Array.from({ length: rows * columns }, (_, place) => {
      const [row, column] = [Math.floor(place / columns), place % columns];
      return element(this.document, "input", {
        type: "text",
        inputmode: "text",
        autocomplete: "off",
        "aria-label": `${TEXTS.kernel}, ${TEXTS.place(row, column)}`,
        onchange: (event) => this.typed(event.target, row, column),
        onkeydown: (event) => this.pressed(event, row, column),
        onfocus: (event) => event.target.select(),
      });
    });
    const lines = Array.from({ length: rows }, (_, row) =>
      element(
        this.document,
        "div",
        { class: "cell-row" },
        ...this.inputs.slice(row * columns, (row + 1) * columns),
      ),
    );
    this.table.replaceChildren(...lines);
  }

  typed(input, row, column) {
    if (input.value === input.dataset.text) {
      return;
    }
    let weight;
    try {
      const { planes, divisor } = parseMatrix(input.value);
      weight = planes[0].length === 1 ? planes[0][0] / divisor : NaN;
    } catch {
      weight = NaN;
    }
    if (Number.isFinite(weight) && this.isEditable) {
      this.setWeight(row, column, weight);
    } else {
      this.refuse(TEXTS.wrongWeight(quoted(input.value)));
      input.value = input.dataset.text;
    }
  }

  setWeight(row, column, weight) {
    this.apply((plane) => {
      plane[row][column] = weight;
      return plane;
    }, this.plane);
  }

  pressed(event, row, column) {
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const { key, target } = event;
    if (key === "Enter") {
      this.typed(target, row, column);
      target.select();
      return;
    }
    if (!(key in moves)) {
      return;
    }
    const [down, across] = moves[key];
    if (event.shiftKey && down !== 0 && this.isEditable) {
      event.preventDefault();
      const before = Number(target.value);
      if (Number.isFinite(before)) {
        this.setWeight(row, column, before - down);
        target.select();
      }
      return;
    }
    const isWhole = target.selectionStart === 0 && target.selectionEnd === target.value.length;
    const isAtEnd =
      across < 0 ? target.selectionEnd === 0 : target.selectionStart === target.value.length;
    if (across !== 0 && !isWhole && !isAtEnd) {
      return; // the cursor moves within the text
    }
    event.preventDefault();
    const [rows, columns] = this.kernel.shape;
    const next = [row + down, column + across];
    if (next[0] >= 0 && next[0] < rows && next[1] >= 0 && next[1] < columns) {
      this.inputs[next[0] * columns + next[1]].focus();
    }
  }

  turn(change) {
    if (change !== null) {
      this.apply(change);
      return;
    }
    const total = toNumber(exactTotal(this.kernel.planes.flatMap((plane) => Array.from(plane))));
    this.change({ ...this.kernel, divisor: Number(total) });
  }

  /** Change the rows of all planes, or of one. */
  apply(change, only = null) {
    const planes = this.kernel.planes.map((_, number) => {
      const rows = planeRows(this.kernel, number);
      return only === null || number === only ? change(rows) : rows;
    });
    this.change({
      ...this.kernel,
      shape: [planes[0].length, planes[0][0].length],
      planes: planes.map((rows) => Float64Array.from(rows.flat())),
    });
  }
}

function mirrored(rows) {
  return rows.map((row) => row.toReversed());
}

function transposed(rows) {
  return rows[0].map((_, column) => rows.map((row) => row[column]));
}

function turnedRows(rows) {
  return transposed(rows).toReversed();
}

/** Add zeros on both sides, or cut, so that the middle stays. */
function resized(rows, axis, side) {
  const along = axis === 0 ? rows : transposed(rows);
  const before = Math.floor(Math.abs(side - along.length) / 2);
  let changed = along.slice(before, before + side);
  if (side > along.length) {
    const zeros = (count) => Array.from({ length: count }, () => along[0].map(() => 0));
    changed = [...zeros(before), ...along, ...zeros(side - along.length - before)];
  }
  return axis === 0 ? changed : transposed(changed);
}
