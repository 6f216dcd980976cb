// The decisions, newest first, with the chance of a rise as a bar about its middle; below them who
// voted how for the one that was chosen.

import { byId, fill, make, row, setClass, setText, show } from "./dom.js";
import * as format from "./format.js";
import { side } from "./words.js";

const SHOWN = 80;
const ID_DIGITS = 12;
let filter = "all";
let chosen = null;
let redraw = () => {};

/** Say what is to be done when another decision is chosen. */
export function onChoice(callback) { redraw = callback; }

/** Show all decisions (`all`) or only those that want a position (`views`). */
export function setFilter(which) { filter = which; }

/** Draw the table. */
export function signals(state) {
  const shown = state.signals
    .filter((one) => filter === "all" || (one.actionable && one.side !== "flat"))
    .slice(0, SHOWN);
  const names = new Map((state.prices ?? []).map((tile) => [tile.symbol, tile.name]));
  const empty = byId("signals-empty");
  show(empty, shown.length === 0);
  setText(empty, state.signals.length ? "No decision to buy or sell among the last ones." : "No decision yet. One is due at each minute boundary.");
  const told = state.signals.find((one) => one.id === chosen) ?? shown.find((one) => one.votes.length);
  explain(told, names);
  fill(byId("signals"), shown, build, (tr, one) => {
    const [time, symbol, wants, chance, reason] = tr.cells;
    tr.dataset.id = one.id;
    setClass(tr, `${one.actionable && one.side !== "flat" ? "" : "idle"} ${one === told ? "told" : ""}`.trim());
    setText(time, format.clock(one.t));
    const button = symbol.firstChild;
    setText(button, names.get(one.symbol) ?? one.symbol);
    button.setAttribute("aria-pressed", String(one.id === chosen));
    if (one.actionable) side(wants, one.side);
    else { setText(wants, "No view"); setClass(wants, "flat"); }
    bar(chance.firstChild, one.p_up);
    setText(reason, one.why);
    reason.title = one.why;
  });
}

function build() {
  const tr = row(["time", "strong", "", "", ""]);
  tr.cells[1].append(make("button", { type: "button", class: "plain", title: "Show who voted how" }));
  tr.addEventListener("click", () => {
    chosen = chosen === tr.dataset.id ? null : tr.dataset.id;
    redraw();
  });
  tr.cells[3].append(make("div", { class: "chance" }, make("span", { class: "bar" }, make("i")), make("span")));
  return tr;
}

function bar(box, chance) {
  const [track, text] = box.children;
  const fillBar = track.firstChild;
  setText(text, chance == null ? "–" : `${(100 * chance).toFixed(1)} %`);
  const known = chance ?? 0.5;
  setClass(track, `bar ${known > 0.5 ? "up" : "down"}`);
  fillBar.style.left = `${100 * Math.min(0.5, known)}%`;
  fillBar.style.width = `${100 * Math.abs(known - 0.5)}%`;
}

/** Show what is behind a decision: threshold, agreement, and each member with its weight. */
function explain(one, names) {
  show(byId("why"), Boolean(one));
  if (!one) return;
  const parts = [`${names.get(one.symbol) ?? one.symbol} ${format.clock(one.t)}: ${one.why}`];
  if (one.p_up != null) parts.push(`${percent(one.p_up)} of a rise, opens at ${percent(0.5 - one.threshold)} or ${percent(0.5 + one.threshold)}`);
  if (one.agreement != null) parts.push(`${percent(one.agreement, 0)} of the weight agrees`);
  setText(byId("why-text"), parts.join(" · "));
  fill(byId("votes"), one.votes, vote, (li, [role, id, chance, weight]) => {
    const [name, box, share] = li.children;
    setText(name, role);
    bar(box, chance);
    setText(share, chance == null ? "abstains" : `weight ${percent(weight, 0)}`);
    li.title = `${role} ${id.slice(0, ID_DIGITS)}`;
  });
}

function vote() {
  const box = make("div", { class: "chance" }, make("span", { class: "bar" }, make("i")), make("span"));
  return make("li", {}, make("b"), box, make("small"));
}

const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)} %`;
