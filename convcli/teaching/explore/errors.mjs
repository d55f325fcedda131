/** A setting that cannot be; the message is one sentence, as the command writes it. */
export class UsageError extends Error {
  constructor(message) {
    super(message);
    this.name = "UsageError";
  }
}

/** Return what a function returns; put a name before the message of a UsageError. */
export function prefixErrors(name, act) {
  try {
    return act();
  } catch (error) {
    if (error instanceof UsageError) {
      error.message = `${name}: ${error.message}`;
    }
    throw error;
  }
}

/** Return a value as Python writes it: a text in quotes. */
export function quoted(value) {
  if (typeof value !== "string") {
    return typeof value === "object" ? JSON.stringify(value) : `${value}`;
  }
  const escaped = value.replaceAll("\\", "\\\\");
  return value.includes("'") && !value.includes('"')
    ? `"${escaped}"`
    : `'${escaped.replaceAll("'", "\\'")}'`;
}

/** Return the names most like a word, as get_close_matches of Python's difflib does. */
export function nearest(word, names, count) {
  return names
    .map((name) => [(2 * commonLetters(name, word)) / (name.length + word.length), name])
    .filter(([likeness]) => likeness >= 0.6)
    .sort(([a, one], [b, other]) => b - a || (one < other ? 1 : -1))
    .slice(0, count)
    .map(([, name]) => name);
}

/** Count the letters of the longest common part of two texts, and of what is before and after it. */
function commonLetters(a, b) {
  let [longest, start, other] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    for (let j = 0; j < b.length; j++) {
      let length = 0;
      while (i + length < a.length && a[i + length] === b[j + length]) {
        length++;
      }
      if (length > longest) {
        [longest, start, other] = [length, i, j];
      }
    }
  }
  return longest === 0
    ? 0
    : longest +
        commonLetters(a.slice(0, start), b.slice(0, other)) +
        commonLetters(a.slice(start + longest), b.slice(other + longest));
}
