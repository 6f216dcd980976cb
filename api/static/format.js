// Figures and times in words. Times are milliseconds UTC; money and units come as exact text.

const NONE = "–";
const group = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const two = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 2 });
const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/** Write a count with separators; a million or more of them in a short form. */
export const count = (value) => value == null ? NONE : value < 1e6 ? group.format(value) : compact.format(value);

/** Write a count with separators, however long. */
export const exact = (value) => value == null ? NONE : group.format(value);

/** Write an amount; an unknown one is a dash, never a nought. */
export const money = (value) => value == null ? NONE : two.format(Number(value)).replace("-", "−");

/** Write an amount with its sign. */
export const signed = (value, digits = 2) => {
  if (value == null) return NONE;
  const text = Math.abs(Number(value)).toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return Number(value) > 0 ? `+${text}` : Number(value) < 0 ? `−${text}` : text;
};

/** Class of an amount: gain, loss, or neither. */
export const tone = (value) => value == null || Number(value) === 0 ? "flat" : Number(value) > 0 ? "up" : "down";

/** Write a price on the grid of its symbol. */
export const price = (value, digits) => value == null ? NONE : Number(value).toFixed(digits);

/** Write milliseconds of latency: three figures are enough. */
export const latency = (ms) => ms == null ? NONE : ms < 10 ? ms.toFixed(2) : ms < 100 ? ms.toFixed(1) : group.format(ms);

/** Write the time of day. */
export const clock = (ms) => ms == null ? NONE : new Date(ms).toISOString().slice(11, 19);

/** Write hours and minutes. */
export const minute = (ms) => new Date(ms).toISOString().slice(11, 16);

/** Write day, date and time. */
export const moment = (ms) => ms == null ? NONE : `${DAYS[new Date(ms).getUTCDay()]} ${new Date(ms).toISOString().slice(0, 19).replace("T", " ")} UTC`;

/** Write a length of time: 1:02:03 or 02:03. */
export const span = (seconds) => {
  const whole = Math.round(seconds);
  const pad = (n) => String(n).padStart(2, "0");
  const rest = `${pad(Math.floor(whole % 3600 / 60))}:${pad(whole % 60)}`;
  return whole >= 3600 ? `${Math.floor(whole / 3600)}:${rest}` : rest;
};

/** Write a code as words: out_of_order, out of order. */
export const words = (code) => code.replaceAll("_", " ");
