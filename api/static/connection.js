// The stream of changes: it opens itself again, and says when what is on the page may be old.

const STALE_MS = 4000; // a beat is due each second: four missed ones are no hiccup
const RESTART_MS = 10000; // a half-open connection raises no error, so it is given up by age
const RETRY_MS = [500, 1000, 2000, 5000];

/**
 * Follow the state. `onState(state)` hears a whole one, `onChange(change)` what changed, and
 * `onLink(link, ageSeconds)` how the connection stands: connecting, live, stale, down or once.
 */
export class Connection {
  constructor({ onState, onChange, onBeat, onLink }) {
    Object.assign(this, { onState, onChange, onBeat, onLink });
    this.source = null;
    this.heardAt = performance.now();
    this.failures = 0;
    this.timer = null;
    this.symbol = null;
  }

  /** Take the state once and open no stream: for a picture of the moment. */
  async once(symbol) {
    const answer = await fetch(`/api/v1/state${query(symbol)}`);
    this.onState(await answer.json());
    this.onLink("once", 0);
  }

  /** Open the stream, for the candles of one symbol. */
  follow(symbol) {
    this.symbol = symbol;
    this.watch ??= setInterval(() => this.check(), 1000);
    this.open();
  }

  open() {
    clearTimeout(this.timer);
    this.source?.close();
    const source = new EventSource(`/api/v1/stream${query(this.symbol)}`);
    this.source = source;
    const on = (name, act) => source.addEventListener(name, (event) => {
      this.heardAt = performance.now();
      this.failures = 0;
      act(JSON.parse(event.data));
    });
    const live = (act) => (data) => { this.stopped = false; this.onLink("live", 0); act(data); };
    on("state", live(this.onState));
    on("change", live(this.onChange));
    on("beat", live(this.onBeat));
    on("bye", () => { this.stopped = true; this.onLink("down", 0); });
    source.addEventListener("error", () => this.retry(source));
  }

  retry(source) {
    if (source !== this.source) return;
    source.close();
    this.onLink(this.stopped ? "down" : "connecting", this.age());
    const wait = RETRY_MS[Math.min(this.failures++, RETRY_MS.length - 1)];
    this.timer = setTimeout(() => this.open(), wait);
  }

  age() {
    return (performance.now() - this.heardAt) / 1000;
  }

  check() {
    const age = this.age();
    if (age * 1000 < STALE_MS) return;
    this.onLink(this.stopped ? "down" : "stale", age);
    if (age * 1000 > RESTART_MS && this.source?.readyState === EventSource.OPEN) this.open();
  }
}

const query = (symbol) => symbol ? `?symbol=${encodeURIComponent(symbol)}` : "";
