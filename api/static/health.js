// Latency by hop against its budget, and rejected ticks by reason.

import { byId, fill, make, row, setClass, setText, show } from "./dom.js";
import * as format from "./format.js";

const MARK = 2 / 3; // where on its gauge a budget stands; the rest is room to be over it

/** Draw both panels. */
export function health(state) {
  latency(state.latency);
  rejects(state.counters);
}

function latency(hops) {
  show(byId("latency-empty"), hops.length === 0);
  fill(byId("latency"), hops, buildHop, (tr, hop) => {
    const [name, p50, p99, budget] = tr.cells;
    setText(name, format.words(hop.hop));
    name.title = `${format.exact(hop.count)} measured`;
    setText(p50, format.latency(hop.p50_ms));
    setText(p99, format.latency(hop.p99_ms));
    setClass(p99, hop.within === false ? "num down" : "num");
    const [gauge, text] = budget.firstChild.children;
    const known = hop.budget_ms != null && hop.p99_ms != null;
    gauge.style.visibility = known ? "visible" : "hidden";
    if (known) gauge.firstChild.style.transform = `scaleX(${Math.min(1, MARK * hop.p99_ms / hop.budget_ms)})`;
    setClass(gauge, hop.within === false ? "gauge over" : "gauge");
    setText(text, verdict(hop));
    setClass(text, hop.within === false ? "down" : "muted");
  });
}

function verdict(hop) {
  if (!hop.readable) return "unreadable";
  if (hop.within == null) return hop.budget_ms == null ? "" : `≤ ${hop.budget_ms}`;
  return hop.within ? `✓ ≤ ${hop.budget_ms}` : `over ${hop.budget_ms}`;
}

function buildHop() {
  const tr = row(["", "num", "num", ""]);
  tr.cells[3].append(make("div", { class: "budget" }, make("span", { class: "gauge" }, make("i"), make("u")), make("span")));
  return tr;
}

function rejects({ totals, rejects: reasons }) {
  const most = reasons[0]?.count ?? 1;
  const read = totals.ticks_in;
  const lost = read != null && totals.ticks_accepted != null ? read - totals.ticks_accepted : null;
  show(byId("rejects-empty"), reasons.length === 0);
  setText(byId("rejects-hint"), lost == null || !read ? "" : `${format.count(lost)} · ${(100 * lost / read).toFixed(2)} % of ticks`);
  fill(byId("rejects"), reasons, () => make("li", {}, make("span"), make("span", { class: "track-bar" }, make("i")), make("b")), (li, reason) => {
    setText(li.children[0], format.words(reason.reason));
    setText(li.children[2], format.exact(reason.count));
    li.children[1].firstChild.style.transform = `scaleX(${reason.count / most})`;
  });
}
