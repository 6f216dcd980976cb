// Wiring: one state, changes laid over it, and each panel redrawn when its section changed.

import { account } from "./account.js";
import { candles, setSpan } from "./candles.js";
import { Connection } from "./connection.js";
import { control } from "./control.js";
import { byId, segments } from "./dom.js";
import { beat, head, link } from "./head.js";
import { health } from "./health.js";
import { models } from "./models.js";
import { orders } from "./orders.js";
import { pipeline } from "./pipeline.js";
import { positions } from "./positions.js";
import { onChoice, setFilter, signals } from "./signals.js";
import { onTheme } from "./theme.js";
import { tiles } from "./tiles.js";

const address = new URL(location.href);
const narrow = matchMedia("(max-width: 699px)").matches;
let state = {};
let symbol = address.searchParams.get("symbol");
let waiting = null;
const changed = new Set();

const PANELS = [
  [["run", "progress", "idle_s"], head],
  [["prices", "positions", "symbol"], (now) => tiles(now, select)],
  [["prices", "candles", "markers", "symbol"], candles],
  [["equity"], account],
  [["positions", "prices"], positions],
  [["signals", "prices"], signals],
  [["models", "prices"], models],
  [["orders", "executions", "prices"], orders],
  [["counters", "latency"], health],
  [["counters", "run"], pipeline],
];

function draw() {
  waiting = null;
  for (const [sections, panel] of PANELS) {
    if (sections.some((name) => changed.has(name))) panel(state);
  }
  changed.clear();
}

function mark(sections) {
  for (const name of sections) changed.add(name);
  waiting ??= requestAnimationFrame(draw);
}

function drawAll() {
  if (state.run) mark(Object.keys(state));
}

const connection = new Connection({
  onState: (whole) => { state = whole; mark(Object.keys(whole)); },
  onChange: (change) => { Object.assign(state, change); mark(Object.keys(change)); },
  onBeat: ({ idle_s }) => { state.idle_s = idle_s; beat(state); },
  onLink: link,
});

function open() {
  if (address.searchParams.has("once")) connection.once(symbol);
  else connection.follow(symbol);
}

function select(name) {
  symbol = name;
  state.symbol = name;
  mark(["symbol"]);
  address.searchParams.set("symbol", name);
  history.replaceState(null, "", address);
  open();
}

segments(byId("spans"), [[60, "1 h"], [120, "2 h"], [240, "4 h"]], narrow ? 60 : 120, (bars) => { setSpan(bars); drawAll(); });
setSpan(narrow ? 60 : 120);
segments(byId("signal-filter"), [["all", "All"], ["views", "Buy and sell"]], "all", (which) => { setFilter(which); drawAll(); });
onChoice(drawAll);
onTheme(drawAll);
new ResizeObserver(drawAll).observe(byId("candles").parentElement);
new ResizeObserver(drawAll).observe(byId("equity").parentElement);
open();
control(address.searchParams.has("once"));
