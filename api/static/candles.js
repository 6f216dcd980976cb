// The chart: one-minute candles of the chosen symbol, signals and fills where they happened.

import { byId, fill, make, setText, show } from "./dom.js";
import { crisp, hairline, prepare, tag, ticks } from "./canvas.js";
import * as format from "./format.js";
import { drawMarkers } from "./markers.js";
import { colours } from "./theme.js";

const AXIS = { right: 66, bottom: 22, top: 12 };
const VOLUME = 0.13; // share of the height for the ticks of each bar
let wanted = 120;
let pointer = null;
let last = null;

/** Set how many candles to show; fewer are drawn where the screen is too small for them. */
export function setSpan(bars) { wanted = bars; }

/** Draw the chart of the chosen symbol. */
export function candles(state) {
  last = state;
  const canvas = byId("candles");
  const tile = state.prices.find((one) => one.symbol === state.symbol);
  const ready = state.candles?.symbol === state.symbol;
  const bars = ready ? [...state.candles.bars, ...(tile?.forming ? [tile.forming] : [])] : [];
  setText(byId("chart-title"), tile?.name ?? state.symbol ?? "Chart");
  show(byId("candles-empty"), bars.length === 0);
  listen(canvas);
  const sheet = prepare(canvas);
  if (!sheet || bars.length === 0) { legend(null); return; }
  const digits = state.candles.digits;
  const plot = layout(sheet, bars, digits);
  grid(sheet.pen, plot, digits);
  volume(sheet.pen, plot);
  plot.shown.forEach((bar, index) => candle(sheet.pen, plot, bar, index));
  drawMarkers(sheet.pen, plot, state.markers);
  lastPrice(sheet.pen, plot, tile?.mid ?? bars.at(-1)[4], digits);
  legend(crosshair(sheet.pen, plot, digits) ?? plot.shown.at(-1), digits);
  describe(canvas, tile?.name ?? state.symbol, plot.shown, digits);
}

function layout({ width, height }, bars, digits) {
  const right = width - AXIS.right;
  const fits = Math.max(8, Math.floor((right - 8) / 4));
  const number = Math.min(wanted, fits);
  const shown = bars.slice(-number);
  const step = (right - 8) / Math.max(number, 24);
  const lows = Math.min(...shown.map((bar) => bar[3]));
  const highs = Math.max(...shown.map((bar) => bar[2]));
  const margin = Math.max((highs - lows) * 0.08, 3 * 10 ** -digits);
  const [low, high] = [lows - margin, highs + margin];
  const bottom = height - AXIS.bottom;
  const base = bottom - (bottom - AXIS.top) * VOLUME;
  const first = right - step * shown.length;
  return {
    shown, step, right, bottom, base, low, high, width, top: AXIS.top,
    x: (index) => first + step * (index + 0.5),
    y: (price) => base - (base - AXIS.top) * (price - low) / (high - low),
    price: (y) => low + (base - y) / (base - AXIS.top) * (high - low),
    index: (x) => Math.floor((x - first) / step),
  };
}

function grid(pen, plot, digits) {
  const paint = colours();
  pen.fillStyle = paint.muted;
  pen.textAlign = "left";
  for (const value of ticks(plot.low, plot.high, Math.max(3, plot.base / 52))) {
    const y = crisp(plot.y(value));
    if (y < plot.top || y > plot.base) continue;
    hairline(pen, 0, y, plot.right, y, paint.grid);
    pen.fillText(value.toFixed(digits), plot.right + 8, y);
  }
  pen.textAlign = "center";
  const perLabel = Math.ceil(72 / plot.step);
  const every = [5, 10, 15, 30, 60, 120].find((minutes) => minutes >= perLabel) ?? 240;
  plot.shown.forEach((bar, index) => {
    if (Math.round(bar[0] / 60000) % every !== 0) return;
    const x = crisp(plot.x(index));
    hairline(pen, x, plot.top, x, plot.bottom, paint.grid);
    if (x > 22 && x < plot.right - 12) pen.fillText(format.minute(bar[0]), x, plot.bottom + 12);
  });
  hairline(pen, 0, crisp(plot.bottom), plot.right, crisp(plot.bottom), paint.line);
}

function volume(pen, plot) {
  const most = Math.max(1, ...plot.shown.map((bar) => bar[5]));
  pen.fillStyle = colours().raised;
  plot.shown.forEach((bar, index) => {
    const height = (plot.bottom - plot.base - 4) * bar[5] / most;
    const wide = Math.max(1, plot.step * 0.62);
    pen.fillRect(plot.x(index) - wide / 2, plot.bottom - height, wide, height);
  });
}

function candle(pen, plot, [, open, high, low, close], index) {
  const paint = colours();
  const rises = close >= open;
  const colour = rises ? paint.up : paint.down;
  const x = plot.x(index);
  const wide = Math.max(1, Math.floor(plot.step * 0.64));
  const [top, bottom] = [plot.y(Math.max(open, close)), plot.y(Math.min(open, close))];
  const left = Math.round(x - wide / 2);
  const tall = Math.max(1, bottom - top);
  const middle = left + wide / 2;
  pen.fillStyle = colour;
  pen.fillRect(middle - 0.5, plot.y(high), 1, plot.y(low) - plot.y(high));
  pen.fillRect(left, top, wide, tall);
  if (rises && wide >= 4 && tall > 2.5) { // hollow: the direction shows without its colour
    pen.fillStyle = paint.panel;
    pen.fillRect(left + 1, top + 1, wide - 2, tall - 2);
  }
}

function lastPrice(pen, plot, price, digits) {
  const y = Math.min(plot.base, Math.max(plot.top, plot.y(price)));
  const paint = colours();
  hairline(pen, 0, crisp(y), plot.right, crisp(y), paint.accent, [2, 3]);
  tag(pen, plot.right + 3, y, price.toFixed(digits), paint.accent, paint.panel);
}

function crosshair(pen, plot, digits) {
  if (!pointer || pointer.x > plot.right || pointer.y > plot.bottom) return null;
  const index = Math.min(plot.shown.length - 1, Math.max(0, plot.index(pointer.x)));
  const paint = colours();
  const x = crisp(plot.x(index));
  hairline(pen, x, plot.top, x, plot.bottom, paint.faint, [3, 3]);
  hairline(pen, 0, crisp(pointer.y), plot.right, crisp(pointer.y), paint.faint, [3, 3]);
  tag(pen, plot.right + 3, pointer.y, plot.price(pointer.y).toFixed(digits), paint.text, paint.panel);
  const time = format.minute(plot.shown[index][0]);
  const wide = pen.measureText(time).width + 10;
  tag(pen, Math.min(plot.right - wide, Math.max(0, x - wide / 2)), plot.bottom + 11, time, paint.text, paint.panel);
  return plot.shown[index];
}

function legend(bar, digits) {
  const parts = bar
    ? [["", format.minute(bar[0])], ["O", bar[1].toFixed(digits)], ["H", bar[2].toFixed(digits)], ["L", bar[3].toFixed(digits)], ["C", bar[4].toFixed(digits)]]
    : [];
  fill(byId("ohlc"), parts, () => make("span", {}, make("span"), make("b")), (node, [name, value]) => {
    setText(node.firstChild, name);
    setText(node.lastChild, value);
  });
}

function describe(canvas, name, shown, digits) {
  const high = Math.max(...shown.map((bar) => bar[2])).toFixed(digits);
  const low = Math.min(...shown.map((bar) => bar[3])).toFixed(digits);
  canvas.setAttribute("aria-label", `${name}, ${shown.length} one-minute candles, high ${high}, low ${low}, last ${shown.at(-1)[4].toFixed(digits)}`);
}

function listen(canvas) {
  if (canvas.dataset.listens) return;
  canvas.dataset.listens = "yes";
  canvas.addEventListener("pointermove", (event) => { pointer = { x: event.offsetX, y: event.offsetY }; candles(last); });
  canvas.addEventListener("pointerleave", () => { pointer = null; candles(last); });
}
