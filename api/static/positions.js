// Open positions; a flat one is shown only while it holds a realised result.

import { byId, fill, row, setClass, setText, show } from "./dom.js";
import * as format from "./format.js";
import { holding } from "./words.js";

/** Draw the table. */
export function positions(state) {
  const digits = new Map(state.prices.map((tile) => [tile.symbol, tile.digits]));
  const names = new Map(state.prices.map((tile) => [tile.symbol, tile.name]));
  const shown = state.positions
    .filter((one) => Number(one.units) !== 0 || Number(one.realised ?? 1) !== 0)
    .sort((a, b) => (Number(b.units) !== 0) - (Number(a.units) !== 0));
  const several = new Set(shown.map((one) => one.account)).size > 1;
  const open = shown.filter((one) => Number(one.units) !== 0).length;
  show(byId("positions-empty"), shown.length === 0);
  setText(byId("positions-hint"), shown.length ? `${open} open` : "");
  fill(byId("positions"), shown, () => row(["strong", "", "num", "num", "num", "num"]), (tr, one) => {
    const [symbol, side, units, entry, floating, realised] = tr.cells;
    const name = names.get(one.symbol) ?? one.symbol;
    setText(symbol, several ? `${name} (${one.account})` : name);
    holding(side, Number(one.units));
    setText(units, format.exact(Math.abs(Number(one.units))));
    setText(entry, one.price == null ? "–" : format.price(one.price, digits.get(one.symbol) ?? 5));
    amount(floating, one.unrealised);
    amount(realised, one.realised);
  });
}

function amount(cell, value) {
  setText(cell, format.signed(value));
  setClass(cell, `num ${format.tone(value)}`);
  cell.title = value == null ? "No conversion rate to the account's currency is known" : "";
}
