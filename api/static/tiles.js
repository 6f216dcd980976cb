// Price tiles: bid and ask with the pip in large figures, spread, a small line, and what is held.

import { byId, fill, make, setClass, setText, show } from "./dom.js";
import * as format from "./format.js";

const SVG = "http://www.w3.org/2000/svg";
const ARROWS = { up: "▲", down: "▼", flat: "–" };

/** Draw one tile for each symbol; `select(symbol)` hears which one was clicked. */
export function tiles(state, select) {
  show(byId("tiles-empty"), state.prices.length === 0);
  const held = new Map(state.positions.map((row) => [row.symbol, Number(row.units)]));
  fill(byId("tiles"), state.prices, () => build(select), (item, tile) => {
    update(item, tile, held.get(tile.symbol) ?? 0, tile.symbol === state.symbol);
  });
  const chosen = state.prices.find((tile) => tile.symbol === state.symbol);
  if (chosen) document.title = `${chosen.name} ${format.price(chosen.bid, chosen.digits)} · AIFX`;
}

function build(select) {
  const line = document.createElementNS(SVG, "svg");
  line.setAttribute("viewBox", "0 0 100 20");
  line.setAttribute("preserveAspectRatio", "none");
  line.append(document.createElementNS(SVG, "path"));
  const button = make("button", { class: "tile", type: "button" },
    make("span", { class: "name" }),
    make("span", { class: "change" }),
    make("span", { class: "quotes" }, quote(), make("span", { class: "move" }), quote()),
    make("span", { class: "line" }, line),
    make("span", { class: "spread" }),
    make("i", { class: "holding" }));
  button.addEventListener("click", () => select(button.dataset.symbol));
  return make("li", {}, button);
}

const quote = () => make("span", { class: "price" }, make("span"), make("b"), make("sup"));

function update(item, tile, units, chosen) {
  const button = item.firstChild;
  const [name, change, quotes, line, spread, holding] = button.children;
  const trend = format.tone(tile.change_pips);
  button.dataset.symbol = tile.symbol;
  button.setAttribute("aria-pressed", String(chosen));
  setText(name, tile.name);
  setText(change, `${ARROWS[trend]} ${format.signed(tile.change_pips, 1)}`);
  setClass(change, `change ${trend}`);
  change.title = "Pips over the small line";
  const moved = { up: "up", down: "down" }[tile.direction] ?? "";
  write(quotes.children[0], tile.bid, tile, moved);
  setText(quotes.children[1], { up: "↑", down: "↓" }[tile.direction] ?? "");
  setClass(quotes.children[1], `move ${moved}`);
  write(quotes.children[2], tile.ask, tile, moved);
  setClass(line, `line ${trend}`);
  line.firstChild.firstChild.setAttribute("d", path(tile.spark));
  setText(spread, `${tile.spread_pips.toFixed(1)} pip`);
  show(holding, units !== 0);
  setClass(holding, `holding ${format.tone(units)}`);
  const position = units ? `, ${units > 0 ? "long" : "short"} ${format.exact(Math.abs(units))}` : "";
  button.setAttribute("aria-label", `${tile.name} bid ${format.price(tile.bid, tile.digits)} ask ${format.price(tile.ask, tile.digits)} spread ${tile.spread_pips.toFixed(1)} pips${position}`);
}

/** Write 1.08442 as 1.08, 44 in large, 2 raised: the two large figures are the pips. */
function write(node, value, tile, moved) {
  const text = format.price(value, tile.digits);
  const cut = text.length - (tile.digits - tile.pip_digits);
  const start = text[cut - 2] === "." ? cut - 1 : cut - 2;
  setText(node.children[0], text.slice(0, start));
  setText(node.children[1], text.slice(start, cut));
  setText(node.children[2], text.slice(cut));
  setClass(node.children[1], moved);
}

function path(mids) {
  const low = Math.min(...mids);
  const range = Math.max(...mids) - low;
  const x = (index) => (mids.length > 1 ? 100 * index / (mids.length - 1) : 100).toFixed(1);
  const y = (mid) => (range ? 18 - 16 * (mid - low) / range : 10).toFixed(1);
  return mids.map((mid, index) => `${index ? "L" : "M"}${x(index)} ${y(mid)}`).join("");
}
