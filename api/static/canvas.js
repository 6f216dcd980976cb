// A canvas that is sharp on every screen, and round numbers for its axes.

import { colours } from "./theme.js";

/** Size a canvas to its box in device pixels; null while it is not shown. */
export function prepare(canvas) {
  const { width, height } = canvas.getBoundingClientRect();
  if (width < 20 || height < 20) return null;
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = `11px ${colours().sans}`;
  pen.textBaseline = "middle";
  return { pen, width, height };
}

/** Return round values within [low, high], about `wanted` of them. */
export function ticks(low, high, wanted) {
  const raw = (high - low) / Math.max(1, wanted);
  if (!(raw > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((n) => n * power).find((n) => n >= raw);
  const first = Math.ceil(low / step - 1e-9);
  const values = [];
  for (let n = first; n * step <= high + step * 1e-9; n += 1) values.push(n * step);
  return values;
}

/** Snap to the middle of a pixel, so that a hairline is one. */
export const crisp = (value) => Math.round(value) + 0.5;

/** Draw a hairline. */
export function hairline(pen, x1, y1, x2, y2, colour, dash = []) {
  pen.save();
  pen.strokeStyle = colour;
  pen.lineWidth = 1;
  pen.setLineDash(dash);
  pen.beginPath();
  pen.moveTo(x1, y1);
  pen.lineTo(x2, y2);
  pen.stroke();
  pen.restore();
}

/** Draw a small label on a filled ground, its left middle at (x, y). */
export function tag(pen, x, y, text, ground, ink) {
  const width = pen.measureText(text).width + 10;
  pen.fillStyle = ground;
  pen.beginPath();
  pen.roundRect(x, y - 9, width, 18, 4);
  pen.fill();
  pen.fillStyle = ink;
  pen.textAlign = "left";
  pen.fillText(text, x + 5, y + 0.5);
  return width;
}
