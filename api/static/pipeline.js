// Counters along the way of a tick: what went in, what came out, what was stored.

import { byId, fill, make, setText, show } from "./dom.js";
import * as format from "./format.js";

/** Draw the strip, and every counter by its own name below a fold. */
export function pipeline(state) {
  const { totals, ticks_per_s: rate } = state.counters;
  const stored = Object.entries(totals).filter(([name]) => name.startsWith("rows.")).reduce((sum, [, value]) => sum + value, 0);
  const accepted = totals.ticks_in ? `${(100 * (totals.ticks_accepted ?? 0) / totals.ticks_in).toFixed(2)} %` : "";
  const steps = [
    ["Ticks in", totals.ticks_in, rate ? `${format.count(Math.round(rate))}/s` : ""],
    ["Accepted", totals.ticks_accepted, accepted],
    ["Bars", totals.bars, ""],
    ["Signals", totals.signals, ""],
    ["Orders", totals.orders, ""],
    ["Fills", totals.fills, ""],
    ["Rows stored", stored || null, ""],
  ].filter(([, value]) => value != null);
  show(byId("pipeline-empty"), steps.length === 0);
  fill(byId("pipeline"), steps, () => make("li", {}, make("span"), make("b"), make("small")), (li, [label, value, note]) => {
    setText(li.children[0], label);
    setText(li.children[1], format.count(value));
    li.children[1].title = format.exact(value);
    setText(li.children[2], note);
  });
  const all = Object.entries(totals);
  show(byId("more"), all.length > 0);
  if (!byId("more").open && byId("counters").childElementCount) return;
  byId("counters").replaceChildren(...all.flatMap(([name, value]) => [make("dt", { text: name }), make("dd", { text: format.exact(value) })]));
}
