// The account: equity, what is realised and what is not, the worst fall, and the curve.

import { crisp, hairline, prepare, ticks } from "./canvas.js";
import { byId, fill, make, setClass, setText, show } from "./dom.js";
import * as format from "./format.js";
import { colours } from "./theme.js";

/** Draw the first account; others stand in the table of positions. */
export function account(state) {
  const curve = state.equity[0];
  show(byId("account"), Boolean(curve));
  show(byId("account-empty"), !curve);
  if (!curve) return;
  const gain = curve.equity == null || curve.start == null ? null : Number(curve.equity) - Number(curve.start);
  setText(byId("account-name"), curve.account);
  const figures = [
    ["Equity", format.money(curve.equity), ""],
    ["Realised", format.signed(curve.realised), format.tone(curve.realised)],
    ["Unrealised", format.signed(curve.unrealised), format.tone(curve.unrealised)],
    ["Max drawdown", Number(curve.max_drawdown) ? `−${format.money(curve.max_drawdown)}` : "0.00", ""],
  ];
  fill(byId("money"), figures, () => make("div", {}, make("dt"), make("dd")), (node, [label, value, tone]) => {
    setText(node.firstChild, label);
    setText(node.lastChild, value);
    setClass(node.lastChild, tone);
  });
  const canvas = byId("equity");
  const sheet = prepare(canvas);
  if (sheet && curve.points.length) draw(sheet, curve, gain);
  canvas.setAttribute("aria-label", `Equity ${format.money(curve.equity)}, ${format.signed(gain)} since the start`);
}

function draw({ pen, width, height }, curve, gain) {
  const paint = colours();
  const points = curve.points.length > 1 ? curve.points : [curve.points[0], curve.points[0]];
  const start = curve.start == null ? points[0][1] : Number(curve.start);
  const values = points.map((point) => point[1]);
  const low = Math.min(start, ...values);
  const high = Math.max(start, ...values);
  const margin = Math.max((high - low) * 0.1, 0.5);
  const [floor, ceiling] = [low - margin, high + margin];
  const [top, bottom, right] = [6, height - 18, width - 66];
  const from = points[0][0];
  const length = points.at(-1)[0] - from || 1;
  const x = (point) => 8 + (right - 8) * (point[0] - from) / length;
  const y = (value) => bottom - (bottom - top) * (value - floor) / (ceiling - floor);

  pen.textAlign = "left";
  const digits = ceiling - floor < 20 ? 1 : 0;
  for (const value of ticks(floor, ceiling, Math.max(2, height / 48))) {
    hairline(pen, 8, crisp(y(value)), right, crisp(y(value)), paint.grid);
    pen.fillStyle = paint.muted;
    pen.fillText(value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }), right + 8, y(value));
  }
  const loses = gain < 0;
  const line = new Path2D();
  points.forEach((point, index) => (index ? line.lineTo(x(point), y(point[1])) : line.moveTo(x(point), y(point[1]))));
  const area = new Path2D(line);
  area.lineTo(x(points.at(-1)), y(start));
  area.lineTo(x(points[0]), y(start));
  pen.fillStyle = loses ? paint.downSoft : paint.upSoft;
  pen.fill(area);
  hairline(pen, 8, crisp(y(start)), right, crisp(y(start)), paint.faint, [4, 3]);
  pen.strokeStyle = loses ? paint.down : paint.up;
  pen.lineWidth = 1.6;
  pen.lineJoin = "round";
  pen.stroke(line);
  pen.fillStyle = paint.muted;
  pen.textBaseline = "alphabetic";
  pen.fillText(format.minute(from), 8, height - 4);
  pen.textAlign = "right";
  pen.fillText(format.minute(points.at(-1)[0]), right, height - 4);
  pen.textBaseline = "middle";
}
