/** The templates of programs, by the rules of convcli/teaching/code/template.py. */

/**
 * Return a template's text for some facts.
 *
 * @param {Record<string, string>} templates by name
 * @param {string} name
 * @param {Record<string, unknown>} facts what placeholders stand for and which alternatives hold
 */
export function renderTemplate(templates, name, facts) {
  const factOf = (key) => {
    if (!(key in facts)) {
      throw new Error(`template ${name}: there is no fact ${key}`);
    }
    return facts[key];
  };
  const lines = [];
  const holds = []; // the alternatives around a line
  for (const line of templates[name].match(/.*\n/g)) {
    const [word, ...rest] = line.trim().split(" ");
    const isPrinted = holds.every(Boolean);
    if (word === "@if") {
      holds.push(Boolean(factOf(rest.at(-1))) === (rest.length === 1));
    } else if (word === "@else") {
      holds.push(!holds.pop());
    } else if (word === "@end") {
      holds.pop();
    } else if (isPrinted && word === "@include") {
      lines.push(renderTemplate(templates, rest[0], facts));
    } else if (isPrinted) {
      lines.push(line.replace(/\$(\w+)/g, (_, key) => factOf(key)));
    }
  }
  return lines.join("");
}
