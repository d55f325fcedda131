/** Make the page's elements. */

/**
 * Make an element.
 *
 * @param {Document} document
 * @param {string} name of the tag
 * @param {object} attributes functions are listeners, true and false are present or not
 * @param {...(Node | string)} children
 */
export function element(document, name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") {
      made.addEventListener(key.slice(2), value);
    } else if (typeof value === "boolean") {
      made.toggleAttribute(key, value);
    } else {
      made.setAttribute(key, value);
    }
  }
  made.append(...children);
  return made;
}

/** Make a label with a text before a control. */
export function labeled(document, text, control) {
  return element(document, "label", {}, element(document, "span", {}, text), control);
}

/** Make a text field that hands its value on when it is entered. */
export function field(document, label, enter, attributes = {}) {
  return element(document, "input", {
    type: "text",
    autocomplete: "off",
    "aria-label": label,
    onchange: (event) => enter(event.target.value),
    ...attributes,
  });
}

/** Make a choice between words. */
export function choice(document, label, words, choose) {
  const options = words.map((word) => element(document, "option", { value: word }, word));
  return element(
    document,
    "select",
    { "aria-label": label, onchange: (event) => choose(event.target.value) },
    ...options,
  );
}

/** Put options, each [text, value], into a choice; those that it has stay as they are. */
export function offer(select, options) {
  if (`${options}` !== select.dataset.options) {
    select.dataset.options = `${options}`;
    const made = options.map(([text, value]) =>
      element(select.ownerDocument, "option", { value }, text),
    );
    select.replaceChildren(...made);
  }
}

/** Return the number that a text is, or the text, for a message that names it. */
export function typedNumber(text) {
  return text.trim() === "" || Number.isNaN(Number(text)) ? text : Number(text);
}

/** Make a field of whole numbers that hands its value on when it changes. */
export function numberField(document, label, least, enter) {
  return element(document, "input", {
    type: "number",
    min: least,
    step: 1,
    "aria-label": label,
    onchange: (event) => enter(Number(event.target.value)),
  });
}

/** Make a slider of whole numbers that hands its value on while it moves. */
export function slider(document, label, least, most, enter) {
  return element(document, "input", {
    type: "range",
    min: least,
    max: most,
    step: 1,
    "aria-label": label,
    oninput: (event) => enter(Number(event.target.value)),
  });
}

/** Make a button that copies the text of a field. */
export function copyButton(document, input, { copy, copied }) {
  const made = button(document, copy, async () => {
    input.focus();
    input.select();
    try {
      await document.defaultView.navigator.clipboard.writeText(input.value);
    } catch {
      document.execCommand("copy"); // for pages that may not use the clipboard
    }
    made.textContent = copied;
    setTimeout(() => {
      made.textContent = copy;
    }, 1500);
  });
  return made;
}

/** Make a button. */
export function button(document, text, press) {
  return element(document, "button", { type: "button", onclick: press }, text);
}
