// The decisions, newest first, with the chance of a rise as a bar about its middle.

import { byId, fill, make, row, setClass, setText, show } from "./dom.js";
import * as format from "./format.js";
import { side } from "./words.js";

const SHOWN = 80;
let filter = "all";

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
  fill(byId("signals"), shown, build, (tr, one) => {
    const [time, symbol, wants, chance, reason] = tr.cells;
    setClass(tr, one.actionable && one.side !== "flat" ? "" : "idle");
    setText(time, format.clock(one.t));
    setText(symbol, names.get(one.symbol) ?? one.symbol);
    if (one.actionable) side(wants, one.side);
    else { setText(wants, "No view"); setClass(wants, "flat"); }
    bar(chance.firstChild, one.p_up);
    setText(reason, one.reason);
    reason.title = one.reason;
  });
}

function build() {
  const tr = row(["time", "strong", "", "", ""]);
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
