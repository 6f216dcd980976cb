// Who decides, and what became of models: switches, rollbacks, trials, drift, the accuracy gate.

import { byId, fill, make, setClass, setText, show } from "./dom.js";
import * as format from "./format.js";

const ID_DIGITS = 12;
const SHOWN = 40;
const TONES = { rollback: "chip bad", gate: "chip doubt", drift: "chip doubt" };

/** Draw members, closed gates and events. */
export function models(state) {
  const { members, of, closed, events } = state.models;
  const names = new Map((state.prices ?? []).map((tile) => [tile.symbol, tile.name]));
  const hint = byId("models-hint");
  setText(hint, closed.length ? `accuracy gate closed for ${closed.length}` : "");
  setClass(hint, closed.length ? "hint warn" : "hint");
  hint.title = closed.map((symbol) => names.get(symbol) ?? symbol).join(" ");
  show(byId("models-empty"), members.length === 0 && events.length === 0);
  show(byId("events-empty"), members.length > 0 && events.length === 0);
  fill(byId("members"), members, () => make("li", {}, make("b"), make("code"), make("span"), make("small")), (li, one) => {
    const [role, id, weight, where] = li.children;
    setText(role, one.role);
    setText(id, one.id.slice(0, ID_DIGITS));
    id.title = one.id;
    setText(weight, `${(100 * one.weight).toFixed(0)} %`);
    weight.title = "Mean weight in the last answers";
    setText(where, one.symbols === of ? "all pairs" : `${one.symbols} of ${of}`);
  });
  fill(byId("model-events"), events.slice(0, SHOWN), () => make("li", {}, make("span", { class: "time" }), make("span"), make("b"), make("span"), make("small")), (li, one) => {
    const [time, kind, slot, what, why] = li.children;
    setText(time, format.clock(one.t));
    setText(kind, one.kind);
    setClass(kind, TONES[one.kind] ?? "chip");
    const where = one.symbols.length > 1 && one.symbols.length === of ? "all pairs" : one.symbols.map((symbol) => names.get(symbol) ?? symbol).join(" ");
    setText(slot, [one.slot, where].filter(Boolean).join(" · "));
    setText(what, one.words);
    setText(why, one.reason);
    li.title = one.reason;
  });
}
