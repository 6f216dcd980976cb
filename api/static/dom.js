// The few ways in which panels touch the page. Text is always set as text, never as markup.

export const byId = (id) => document.getElementById(id);

/** Make an element: attributes by name, `class` and `text` among them, then children. */
export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") node.textContent = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

/** Set the text of a node when it differs: a quiet page costs nothing. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Set the class of a node when it differs. */
export function setClass(node, name) {
  if (node.className !== name) node.className = name;
}

/** Show or hide a node. */
export function show(node, visible) {
  if (node.hidden === visible) node.hidden = !visible;
}

/** Make `parent` hold one child for each item: children are made once and then updated in place. */
export function fill(parent, items, build, update) {
  while (parent.childElementCount > items.length) parent.lastElementChild.remove();
  items.forEach((item, index) => {
    let child = parent.children[index];
    if (!child) {
      child = build();
      parent.append(child);
    }
    update(child, item);
  });
}

/** Make a table row of plain cells with these classes. */
export function row(classes) {
  const tr = document.createElement("tr");
  for (const name of classes) {
    const td = tr.insertCell();
    td.className = name;
  }
  return tr;
}

/** Fill a group of buttons of which one is pressed; `pick` hears which. */
export function segments(parent, choices, chosen, pick) {
  for (const [value, label] of choices) {
    const button = make("button", { type: "button", "aria-pressed": String(value === chosen), text: label });
    button.addEventListener("click", () => {
      for (const other of parent.children) other.setAttribute("aria-pressed", String(other === button));
      pick(value);
    });
    parent.append(button);
  }
}
