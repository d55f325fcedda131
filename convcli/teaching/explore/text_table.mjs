/** Tables and paragraphs as text of 80 columns: the rules of convcli/teaching/text_table.py. */

const WIDTH = 80;
const GAP = "   "; // between tables side by side

/** Fill lines of at most 80 columns with words, each line after the same indent. */
export function wrapped(words, indent = "") {
  const lines = [];
  for (const word of words) {
    if (lines.length > 0 && lines.at(-1).length + 1 + word.length <= WIDTH) {
      lines[lines.length - 1] += ` ${word}`;
    } else {
      lines.push(indent + word);
    }
  }
  return lines;
}

/** Return the lines of a table with right-aligned columns. */
export function tableLines(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) => row.map((cell, column) => cell.padStart(widths[column])).join("  "));
}

/**
 * Return the lines of tables side by side, or one below the other where they do not fit.
 *
 * A table is {heading, cells: texts, columns, rows: labels}. All have the same labels; side by
 * side, only the first one shows them.
 */
export function sideBySide(tables) {
  const shown = tables.map((table, number) =>
    number === 0 ? table : { ...table, columns: [], rows: [] },
  );
  const width = shown.reduce((sum, table) => sum + widthOf(table), GAP.length * (shown.length - 1));
  if (width > WIDTH) {
    const blocks = tables.flatMap((table) => partsOf(table).map(linesOf));
    return blocks
      .flatMap((block) => ["", ...block])
      .slice(1)
      .map((line) => line.trimEnd());
  }
  const blocks = shown.map(linesOf);
  const height = Math.max(...blocks.map((block) => block.length));
  const level = blocks.map((block) => [
    block[0],
    ...Array(height - block.length).fill(" ".repeat(block[0].length)),
    ...block.slice(1),
  ]);
  return level[0].map((_, line) =>
    level
      .map((block) => block[line])
      .join(GAP)
      .trimEnd(),
  );
}

function widthOf(table) {
  return linesOf(table)[0].length;
}

/** Return the lines of a table, all of the same length. */
function linesOf({ heading, cells, columns, rows }) {
  const widths = cells[0].map((_, column) =>
    Math.max((columns[column] ?? "").length, ...cells.map((row) => row[column].length)),
  );
  const margin = rows.length ? Math.max(...rows.map((label) => label.length)) + 2 : 0;
  const length = margin + widths.reduce((sum, width) => sum + width, widths.length - 1);
  const total = Math.max(length, heading.length);
  const lines = [heading.padEnd(total)];
  const aligned = (texts) => texts.map((text, column) => text.padStart(widths[column])).join(" ");
  if (columns.length) {
    lines.push((" ".repeat(margin) + aligned(columns)).padEnd(total));
  }
  for (const [number, row] of cells.entries()) {
    const start = margin ? `${rows[number].padStart(margin - 2)}  ` : "";
    lines.push((start + aligned(row)).padEnd(total));
  }
  return lines;
}

/** Split a table that is wider than 80 columns into tables of fewer columns. */
function partsOf(table) {
  const parts = [];
  let left = table;
  const columnsOf = (first, last) => ({
    ...left,
    cells: left.cells.map((row) => row.slice(first, last)),
    columns: left.columns.slice(first, last),
  });
  while (widthOf(left) > WIDTH && left.cells[0].length > 1) {
    let count = 1;
    while (widthOf(columnsOf(0, count + 1)) <= WIDTH) {
      count += 1;
    }
    parts.push(columnsOf(0, count));
    left = { ...columnsOf(count), heading: `${table.heading}, continued` };
  }
  return [...parts, left];
}
