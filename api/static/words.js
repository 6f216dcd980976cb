// Sides and states, each with a sign beside its colour, so that nothing hangs on colour alone.

import { setClass, setText } from "./dom.js";

const SIDES = {
  buy: ["▲ Buy", "up"],
  sell: ["▼ Sell", "down"],
  flat: ["– Flat", "flat"],
};

/** Write a side into a cell. */
export function side(cell, name) {
  const [text, tone] = SIDES[name] ?? [name, "flat"];
  setText(cell, text);
  setClass(cell, tone);
}

/** Write the side of a position into a cell. */
export function holding(cell, units) {
  const [text, tone] = units > 0 ? ["▲ Long", "up"] : units < 0 ? ["▼ Short", "down"] : ["– Flat", "flat"];
  setText(cell, text);
  setClass(cell, tone);
}
