/**
 * A canvas that shows a grid of cells: an image, a feature map, or what surrounds a position.
 *
 * The wheel and the keys + and - zoom, a drag moves, two fingers do both. From 12 pixels a cell on,
 * each cell has its number.
 */

import { inkOn } from "./colors.mjs";
import { element } from "./elements.mjs";

const NUMBERED = 12; // pixels of a cell, from which on it has a number
const LINED = 6; // from which on cells have lines between them
const MAX_CELL = 96; // pixels of a cell
const SMALLEST_TEXT = 5; // pixels
const LARGEST_TEXT = 40;
export const COVER = "#d9d4bd"; // of cells that are not shown yet: neither a gray nor red or blue
const ZOOM = 1.25; // of one step of the wheel or a key
const DRAGGED = 4; // pixels that a pointer moves before a press becomes a drag
const STRIP = 8; // sides in this proportion make a strip, whose cells are no squares
const STRIP_CELL = 24; // pixels of a strip's cell across it
const ROOM = 32; // cells: sides of a bitmap are multiples of it

/**
 * @typedef {object} Content
 * @property {[number, number]} shape rows and columns
 * @property {(colors: Uint32Array) => void} paint writes the color of each cell; see colors.mjs
 * @property {(row: number, column: number) => string[]} texts of a cell, from the longest on; a
 *   color has a line for each channel
 * @property {{top: number, bottom: number, left: number, right: number}} [pads] cells to hatch
 */

export class GridView {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {{hover?: Function, press?: Function, key?: Function, paint?: Function}} actions hover,
   *   press and paint take [row, column], or null beside the content; key takes an event. paint and
   *   key return whether they did something with it.
   */
  constructor(
    canvas,
    { hover = () => {}, press = () => {}, key = () => false, paint = () => false } = {},
  ) {
    this.canvas = canvas;
    this.bitmap = element(canvas.ownerDocument, "canvas", { width: 0, height: 0 });
    this.content = null;
    this.marks = [];
    this.shown = Infinity; // cells, row by row; later ones are covered
    this.setFitted(true);
    this.scale = 1;
    this.origin = [0, 0]; // of the content, in pixels from the upper left corner
    this.pointers = new Map();
    this.actions = { hover, press, key, paint };
    this.isPainting = false;
    this.listen();
    this.sizes = new ResizeObserver(() => this.resize());
    this.sizes.observe(canvas);
  }

  /** Show other content; the zoom stays if the size does. */
  setContent(content) {
    const isSame = this.content && `${this.content.shape}` === `${content.shape}`;
    this.content = content;
    this.paint();
    if (!isSame) {
      this.fit();
    }
    this.draw();
  }

  /** Show the content of another view, without painting it again. */
  mirror(view) {
    this.content = view.content;
    this.bitmap = view.bitmap;
    this.colors = view.colors;
    this.draw();
  }

  /** Mark rectangles of cells: {row, column, rows, columns, color, width, fill}. */
  setMarks(marks) {
    this.marks = marks;
    this.draw();
  }

  /**
   * Write the colors of all cells, one pixel each, into the upper left of a bitmap.
   *
   * It has room for the next sizes of a slider: a canvas that changes its size takes 2 ms more.
   */
  paint() {
    const { bitmap } = this;
    const [rows, columns] = this.content.shape;
    if (bitmap.height < rows || bitmap.width < columns) {
      [bitmap.height, bitmap.width] = [rows, columns].map((side) => ROOM * Math.ceil(side / ROOM));
      this.bytes = new ArrayBuffer(4 * bitmap.height * bitmap.width);
    }
    this.colors = new Uint32Array(this.bytes, 0, rows * columns);
    this.content.paint(this.colors);
    this.drawPixels(bitmap);
  }

  /** Draw the cells into a canvas, one pixel each. */
  drawPixels(canvas) {
    const [rows, columns] = this.content.shape;
    const bytes = new Uint8ClampedArray(this.bytes, 0, 4 * rows * columns);
    const pixels = new ImageData(bytes, columns, rows);
    canvas.getContext("2d", { alpha: false }).putImageData(pixels, 0, 0);
  }

  /** Write the cells as a PNG, one pixel each. */
  toBlob(take) {
    const [height, width] = this.content.shape;
    const canvas = element(this.canvas.ownerDocument, "canvas", { width, height });
    this.drawPixels(canvas);
    canvas.toBlob(take);
  }

  /** Height and width in pixels, which are asked for once: the browser lays out the page for it. */
  get size() {
    this.measured ??= [this.canvas.clientHeight, this.canvas.clientWidth];
    return this.measured;
  }

  /** Pixels of the text around the canvas, which are asked for as rarely. */
  get textSize() {
    const style = () => this.canvas.ownerDocument.defaultView.getComputedStyle(this.canvas);
    this.measuredText ??= parseFloat(style().fontSize);
    return this.measuredText;
  }

  /** Height and width of a cell in pixels: equal, but for a signal, which is a thin strip. */
  get cell() {
    const { shape } = this.content;
    const isStrip = Math.max(...shape) > STRIP * Math.min(...shape);
    return shape.map((count, axis) =>
      isStrip && count < Math.max(...shape)
        ? Math.max(this.scale, Math.min(STRIP_CELL, this.size[axis] / count))
        : this.scale,
    );
  }

  /** Return the scale at which all cells are in view. */
  get leastScale() {
    const [height, width] = this.size;
    const [rows, columns] = this.content.shape;
    return Math.min(height / rows, width / columns, MAX_CELL);
  }

  setFitted(isFitted) {
    if (isFitted !== this.fitted) {
      this.fitted = isFitted;
      // A finger scrolls the page over content that is all in view, and moves other content.
      this.canvas.style.touchAction = isFitted ? "pan-y" : "none";
    }
  }

  /** Take the canvas's new size, and draw at once, since that empties it: it may be printed next. */
  resize() {
    const ratio = this.canvas.ownerDocument.defaultView.devicePixelRatio || 1;
    const before = this.size;
    this.measured = undefined;
    this.measuredText = undefined;
    const [height, width] = this.size;
    // What was in the middle stays there.
    this.origin = this.origin.map((side, axis) => side + (this.size[axis] - before[axis]) / 2);
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    if (this.content && this.fitted) {
      this.fit();
    }
    this.drawNow();
  }

  /** Show all cells as large as they fit. */
  fit() {
    this.scale = this.leastScale;
    const { cell, size } = this;
    this.origin = this.content.shape.map((count, axis) => (size[axis] - count * cell[axis]) / 2);
    this.setFitted(true);
    this.draw();
  }

  /** Zoom around a point, in pixels from the upper left corner. */
  zoom(factor, [y, x] = this.size.map((side) => side / 2)) {
    const least = this.leastScale;
    const scale = Math.min(Math.max(this.scale * factor, least), MAX_CELL);
    if (scale === least) {
      this.fit();
      return;
    }
    const before = this.cell;
    this.scale = scale;
    const { cell } = this;
    this.origin = [y, x].map(
      (place, axis) => place - ((place - this.origin[axis]) * cell[axis]) / before[axis],
    );
    this.setFitted(false);
    this.draw();
  }

  /** Move the content so that a cell is in view, in the middle if it was not. */
  reveal([row, column]) {
    const { cell, size } = this;
    const isInside = [row, column].every((index, axis) => {
      const start = this.origin[axis] + index * cell[axis];
      return start >= -1 && start + cell[axis] <= size[axis] + 1;
    });
    if (!isInside) {
      this.center([row, column]);
    }
  }

  /** Show a cell in the middle, at a scale or at the present one. */
  center([row, column], scale = this.scale) {
    this.scale = scale;
    const { cell, size } = this;
    this.origin = [row, column].map((index, axis) => size[axis] / 2 - (index + 0.5) * cell[axis]);
    this.setFitted(false);
    this.draw();
  }

  /** Return the cell at a point, or null beside the content. */
  cellAt([y, x]) {
    const [height, width] = this.cell;
    const row = Math.floor((y - this.origin[0]) / height);
    const column = Math.floor((x - this.origin[1]) / width);
    const [rows, columns] = this.content.shape;
    return row >= 0 && row < rows && column >= 0 && column < columns ? [row, column] : null;
  }

  listen() {
    const { canvas } = this;
    const pointOf = (event) => {
      const box = canvas.getBoundingClientRect();
      return [event.clientY - box.top, event.clientX - box.left];
    };
    canvas.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        this.zoom(event.deltaY < 0 ? ZOOM : 1 / ZOOM, pointOf(event));
        this.actions.hover(this.cellAt(pointOf(event)));
      },
      { passive: false },
    );
    canvas.addEventListener("pointerdown", (event) => {
      this.pointers.set(event.pointerId, { from: pointOf(event), at: pointOf(event) });
      this.isDrag = this.pointers.size > 1;
      this.isPainting = !this.isDrag && this.actions.paint(this.cellAt(pointOf(event)));
    });
    canvas.addEventListener("pointermove", (event) => {
      const pointer = this.pointers.get(event.pointerId);
      if (pointer === undefined) {
        this.actions.hover(this.cellAt(pointOf(event)));
        return;
      }
      if (this.isPainting) {
        this.actions.paint(this.cellAt(pointOf(event)));
      } else {
        this.drag(pointer, pointOf(event));
      }
    });
    const release = (event) => {
      const pointer = this.pointers.get(event.pointerId);
      this.pointers.delete(event.pointerId);
      if (pointer && !this.isDrag && !this.isPainting && event.type === "pointerup") {
        const cell = this.cellAt(pointer.at);
        if (cell !== null) {
          this.actions.hover(cell);
          this.actions.press(cell);
        }
      }
    };
    canvas.addEventListener("pointerup", release);
    canvas.addEventListener("pointercancel", release);
    canvas.addEventListener("pointerleave", (event) => {
      if (!this.pointers.has(event.pointerId)) {
        this.actions.hover(null);
      }
    });
    canvas.addEventListener("keydown", (event) => {
      if (this.pressKey(event.key) || this.actions.key(event)) {
        event.preventDefault();
      }
    });
  }

  pressKey(key) {
    if (key === "+" || key === "=") {
      this.zoom(ZOOM);
    } else if (key === "-") {
      this.zoom(1 / ZOOM);
    } else if (key === "0") {
      this.fit();
    } else {
      return false;
    }
    return true;
  }

  /** Move with one pointer; move and zoom with two. */
  drag(pointer, to) {
    const others = [...this.pointers.values()].filter((other) => other !== pointer);
    const moved = [to[0] - pointer.at[0], to[1] - pointer.at[1]];
    if (others.length === 1) {
      const [other] = others;
      const distance = (point) => Math.hypot(point[0] - other.at[0], point[1] - other.at[1]);
      const middle = to.map((side, axis) => (side + other.at[axis]) / 2);
      this.zoom(distance(to) / (distance(pointer.at) || 1), middle);
    } else if (this.fitted) {
      return;
    } else if (
      !this.isDrag &&
      Math.hypot(to[0] - pointer.from[0], to[1] - pointer.from[1]) < DRAGGED
    ) {
      return;
    }
    this.isDrag = true;
    const share = others.length === 1 ? 0.5 : 1;
    this.origin = this.origin.map((side, axis) => side + moved[axis] * share);
    this.setFitted(false);
    pointer.at = to;
    this.draw();
  }

  /** Draw at the next frame, once however often it is called before. */
  draw() {
    if (this.frame === undefined) {
      this.frame = requestAnimationFrame(() => {
        this.frame = undefined;
        this.drawNow();
      });
    }
  }

  drawNow() {
    if (this.content && this.canvas.width > 0) {
      this.render();
    }
  }

  render() {
    const [clientHeight, clientWidth] = this.size;
    const ratio = this.canvas.width / clientWidth;
    const context = this.canvas.getContext("2d");
    const [rows, columns] = this.content.shape;
    const [top, left] = this.origin;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, clientWidth, clientHeight);
    context.imageSmoothingEnabled = this.scale < 1;
    const [height, width] = this.cell;
    const box = [left, top, columns * width, rows * height];
    context.drawImage(this.bitmap, 0, 0, columns, rows, ...box);
    const seen = this.seen();
    this.hatch(context, seen);
    if (this.scale >= LINED) {
      this.rule(context, seen);
    }
    if (this.scale >= NUMBERED) {
      this.number(context, seen);
    }
    this.cover(context);
    for (const mark of this.marks) {
      this.mark(context, mark);
    }
  }

  /** Show so many cells only. */
  showFirst(count) {
    this.shown = count;
    this.draw();
  }

  /** Cover the cells that are not shown yet. */
  cover(context) {
    const [rows, columns] = this.content.shape;
    if (this.shown >= rows * columns) {
      return;
    }
    const row = Math.floor(this.shown / columns);
    const [left, top] = this.corner(row, this.shown % columns);
    const [start, next] = this.corner(row + 1, 0);
    const [right, bottom] = this.corner(rows, columns);
    context.fillStyle = COVER;
    context.fillRect(left, top, right - left, next - top);
    context.fillRect(start, next, right - start, bottom - next);
  }

  /** Return the cells in view: first row, first column, and one beyond the last ones. */
  seen() {
    const { cell, size, origin } = this;
    const { shape } = this.content;
    return [
      ...[0, 1].map((axis) => Math.max(Math.floor(-origin[axis] / cell[axis]), 0)),
      ...[0, 1].map((axis) =>
        Math.min(Math.ceil((size[axis] - origin[axis]) / cell[axis]), shape[axis]),
      ),
    ];
  }

  corner(row, column) {
    const [height, width] = this.cell;
    return [this.origin[1] + column * width, this.origin[0] + row * height];
  }

  /** Draw lines across the padding. */
  hatch(context, [firstRow, firstColumn, lastRow, lastColumn]) {
    const { pads } = this.content;
    if (!pads) {
      return;
    }
    const [rows, columns] = this.content.shape;
    const [left, top] = this.corner(firstRow, firstColumn);
    const [right, bottom] = this.corner(lastRow, lastColumn);
    const inside = [
      ...this.corner(pads.top, pads.left),
      ...this.corner(rows - pads.bottom, columns - pads.right),
    ];
    context.save();
    context.beginPath();
    context.rect(left, top, right - left, bottom - top);
    context.rect(inside[0], inside[1], inside[2] - inside[0], inside[3] - inside[1]);
    context.clip("evenodd");
    context.beginPath();
    for (let start = left - (bottom - top); start < right; start += 6) {
      context.moveTo(start, bottom);
      context.lineTo(start + (bottom - top), top);
    }
    context.strokeStyle = "rgba(230, 110, 0, 0.75)";
    context.lineWidth = 1;
    context.stroke();
    context.restore();
  }

  rule(context, [firstRow, firstColumn, lastRow, lastColumn]) {
    const [left, top] = this.corner(firstRow, firstColumn);
    const [right, bottom] = this.corner(lastRow, lastColumn);
    context.beginPath();
    for (let row = firstRow; row <= lastRow; row++) {
      const [, y] = this.corner(row, 0);
      context.moveTo(left, y);
      context.lineTo(right, y);
    }
    for (let column = firstColumn; column <= lastColumn; column++) {
      const [x] = this.corner(0, column);
      context.moveTo(x, top);
      context.lineTo(x, bottom);
    }
    context.strokeStyle = "rgba(128, 128, 128, 0.5)";
    context.lineWidth = 0.5;
    context.stroke();
  }

  number(context, [firstRow, firstColumn, lastRow, lastColumn]) {
    const columns = this.content.shape[1];
    const [height, width] = this.cell;
    const room = 0.92 * width;
    context.textAlign = "center";
    context.textBaseline = "middle";
    for (let row = firstRow; row < lastRow; row++) {
      for (let column = firstColumn; column < lastColumn; column++) {
        const texts = this.content.texts(row, column);
        const sizes = texts.map((text) => textSize(text, room, height));
        const chosen = sizes.findIndex((size) => size >= SMALLEST_TEXT);
        if (chosen < 0) {
          continue;
        }
        const [x, y] = this.corner(row + 0.5, column + 0.5);
        context.font = `${sizes[chosen]}px system-ui, sans-serif`;
        context.fillStyle = inkOn(this.colors[row * columns + column]);
        const lines = texts[chosen].split("\n");
        lines.forEach((line, number) => {
          const below = number - (lines.length - 1) / 2;
          context.fillText(line, x, y + below * 1.05 * sizes[chosen]);
        });
      }
    }
  }

  mark(context, { row, column, rows = 1, columns = 1, color, width = 2, fill = null }) {
    const [left, top] = this.corner(row, column);
    // A mark is never smaller than what can be seen.
    const { cell } = this;
    const [across, down] = [Math.max(columns * cell[1], 5), Math.max(rows * cell[0], 5)];
    if (fill) {
      context.fillStyle = fill;
      context.fillRect(left, top, across, down);
    }
    // A light line below the colored one is seen on dark cells, too.
    for (const [style, line] of [
      ["rgba(255, 255, 255, 0.8)", width + 2],
      [color, width],
    ]) {
      context.strokeStyle = style;
      context.lineWidth = line;
      context.strokeRect(left, top, across, down);
    }
  }
}

/** Return the largest size at which a text fits into a cell. */
function textSize(text, width, height) {
  const lines = text.split("\n");
  const longest = Math.max(...lines.map((line) => line.length));
  return Math.min(
    (lines.length === 1 ? 0.42 : 0.28) * height,
    width / (0.6 * longest),
    LARGEST_TEXT,
  );
}
