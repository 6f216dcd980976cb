// Colours for what is drawn on a canvas: the same variables that the style sheet uses.

const NAMES = ["panel", "raised", "line", "text", "muted", "faint", "accent", "up", "up-soft", "down", "down-soft", "warn", "grid", "sans"];
const dark = matchMedia("(prefers-color-scheme: dark)");
let cached = null;

/** Return the colours of the present theme by name. */
export function colours() {
  if (!cached) {
    const style = getComputedStyle(document.documentElement);
    cached = Object.fromEntries(NAMES.map((name) => [name.replace("-soft", "Soft"), style.getPropertyValue(`--${name}`).trim()]));
  }
  return cached;
}

/** Hear when the theme changes. */
export function onTheme(act) {
  dark.addEventListener("change", () => { cached = null; act(); });
}
