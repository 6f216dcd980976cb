// Marks on the chart: a triangle where the wanted side changed, a ringed dot where an order filled.

import { colours } from "./theme.js";

const MINUTE_MS = 60000;

/** Draw the signals and fills of the candles on show. */
export function drawMarkers(pen, plot, markers) {
  if (!markers) return;
  const places = new Map(plot.shown.map((bar, index) => [bar[0], index]));
  const place = (t) => places.get(Math.floor((t - 1) / MINUTE_MS) * MINUTE_MS); // a boundary ends its bar
  const paint = colours();
  let before = null;
  for (const signal of markers.signals) {
    if (!signal.actionable) continue;
    const fresh = signal.side !== before && signal.side !== "flat";
    before = signal.side;
    const index = place(signal.t);
    if (!fresh || index === undefined) continue;
    const bar = plot.shown[index];
    const buys = signal.side === "buy";
    const y = buys ? Math.min(plot.y(bar[3]) + 6, plot.bottom - 8) : Math.max(plot.y(bar[2]) - 6, plot.top + 8);
    triangle(pen, plot.x(index), y, buys ? 1 : -1, buys ? paint.up : paint.down);
  }
  for (const fill of markers.fills) {
    const index = place(fill.t);
    if (index !== undefined) dot(pen, plot.x(index), plot.y(Number(fill.price)), paint);
  }
}

function triangle(pen, x, y, down, colour) {
  pen.fillStyle = colour;
  pen.beginPath();
  pen.moveTo(x, y);
  pen.lineTo(x - 4.5, y + 8 * down);
  pen.lineTo(x + 4.5, y + 8 * down);
  pen.closePath();
  pen.fill();
}

function dot(pen, x, y, paint) {
  pen.beginPath();
  pen.arc(x, y, 3.4, 0, 2 * Math.PI);
  pen.fillStyle = paint.accent;
  pen.strokeStyle = paint.panel;
  pen.lineWidth = 1.5;
  pen.fill();
  pen.stroke();
}
