/** Words of a command line, as a shell has them. */

import { quoted, UsageError } from "./errors.mjs";

/** Quote a word for a shell, by the quotes that most shells share where that is possible. */
export function quotedWord(word) {
  if (/^[\w@%+=:,./-]+$/.test(word)) {
    return word;
  }
  return /["$`\\!]/.test(word) ? `'${word.replaceAll("'", "'\\''")}'` : `"${word}"`;
}

/** Split a text into words as a shell does, without looking inside them. */
export function splitWords(text) {
  const words = [];
  let word = null;
  for (let place = 0; place < text.length; place++) {
    const letter = text[place];
    if (/[ \t\r\n]/.test(letter)) {
      if (word !== null) {
        words.push(word);
      }
      word = null;
      continue;
    }
    word ??= "";
    if (letter === "\\") {
      place++;
      if (place === text.length) {
        throw new UsageError(`${quoted(text)}: No escaped character`);
      }
      word += text[place];
    } else if (letter === "'" || letter === '"') {
      let end = place + 1;
      while (end < text.length && text[end] !== letter) {
        const isEscape = letter === '"' && text[end] === "\\" && /["\\]/.test(text[end + 1] ?? "");
        end += isEscape ? 1 : 0;
        word += text[end] ?? "";
        end++;
      }
      if (end >= text.length) {
        throw new UsageError(`${quoted(text)}: No closing quotation`);
      }
      place = end;
    } else {
      word += letter;
    }
  }
  return word === null ? words : [...words, word];
}
