// Orders and their fills in one feed, newest first; an order in doubt stands out.

import { byId, fill, row, make, setClass, setText, show } from "./dom.js";
import * as format from "./format.js";
import { side } from "./words.js";

const SHOWN = 80;
const BAD = new Set(["denied", "rejected"]);

/** Draw the feed. */
export function orders(state) {
  const feed = [
    ...state.executions.map((one) => ({ ...one, fill: true })),
    ...state.orders.map((one) => ({ ...one, fill: false })),
  ].sort((a, b) => b.t - a.t).slice(0, SHOWN);
  const digits = new Map(state.prices.map((tile) => [tile.symbol, tile.digits]));
  const names = new Map(state.prices.map((tile) => [tile.symbol, tile.name]));
  const doubt = state.orders.filter((one) => one.in_doubt).length;
  const hint = byId("orders-hint");
  setText(hint, doubt ? `${doubt} in doubt: the outcome of the send is unknown` : "");
  setClass(hint, doubt ? "hint warn" : "hint");
  show(byId("orders-empty"), feed.length === 0);
  fill(byId("orders"), feed, build, (tr, one) => {
    const [time, what, symbol, way, units, price, result] = tr.cells;
    setText(time, format.clock(one.t));
    chip(what.firstChild, one);
    setText(symbol, names.get(one.symbol) ?? one.symbol);
    side(way, one.side);
    setText(units, format.exact(Number(one.units)));
    setText(price, one.price == null ? "–" : format.price(one.price, digits.get(one.symbol) ?? 5));
    setText(result, outcome(one));
    result.title = result.textContent;
    setClass(result, one.fill ? `num ${format.tone(one.pnl)}` : one.in_doubt ? "num warn" : BAD.has(one.status) ? "num down" : "num muted");
  });
}

function build() {
  const tr = row(["time", "", "strong", "", "num", "num", "num"]);
  tr.cells[1].append(make("span"));
  return tr;
}

function outcome(one) {
  if (one.fill) return format.signed(one.pnl);
  return one.in_doubt ? "in doubt" : format.words(one.reason || one.status);
}

function chip(node, one) {
  const [text, name] = one.fill ? ["fill", "chip fill"]
    : one.in_doubt ? ["in doubt", "chip doubt"]
      : BAD.has(one.status) ? [one.status, "chip bad"] : ["order", "chip"];
  setText(node, text);
  setClass(node, name);
}
