// The head of the page: how the run stands, event time, progress, what runs, the connection, notes.

import { byId, fill, make, setText, show } from "./dom.js";
import * as format from "./format.js";

const QUIET_S = 5;
const LINKS = {
  connecting: "Reconnecting",
  live: "Live",
  stale: "Stale",
  down: "Server stopped",
  once: "Snapshot",
};

/** Draw everything of the head but the connection. */
export function head(state) {
  const { run, progress } = state;
  byId("status").dataset.status = run.status;
  setText(byId("status-word"), run.status);
  setText(byId("status-text"), run.text);
  const time = byId("event-time");
  setText(time, format.moment(progress.event_ms));
  if (progress.event_ms != null) time.dateTime = new Date(progress.event_ms).toISOString();
  advance(progress);
  facts(run);
  notes(run.notes);
  beat(state);
}

/** Say when a running feed has gone quiet. */
export function beat({ run, idle_s }) {
  const quiet = run?.status === "running" && idle_s > QUIET_S;
  show(byId("quiet"), quiet);
  if (quiet) setText(byId("quiet"), `no record for ${format.span(idle_s)}`);
}

function advance(progress) {
  const known = progress.fraction != null;
  byId("progress").dataset.known = known ? "yes" : "no";
  const percent = 100 * (progress.fraction ?? 0);
  byId("progress-fill").style.transform = `scaleX(${percent / 100})`;
  if (known) byId("track").setAttribute("aria-valuenow", percent.toFixed(1));
  const parts = known
    ? [`${percent.toFixed(1)} %`, `${format.exact(progress.done_rows)} of ${format.exact(progress.total_rows)} rows`]
    : [`${format.exact(progress.done_rows)} rows`];
  if (progress.rate_per_s != null) parts.push(`${format.count(Math.round(progress.rate_per_s))} rows/s`);
  if (progress.eta_s != null) parts.push(`${format.span(progress.eta_s)} left`);
  setText(byId("progress-text"), parts.join("  ·  "));
}

function facts(run) {
  const known = [["Feed", run.feed], ["Speed", run.speed], ["Run", run.run_id]].filter(([, value]) => value);
  fill(byId("facts"), known, () => make("div", {}, make("dt"), make("dd")), (node, [label, value]) => {
    setText(node.firstChild, label);
    setText(node.lastChild, value);
    node.lastChild.title = value;
  });
  const below = [
    run.kafka && `Kafka ${run.kafka}`,
    run.clickhouse && `ClickHouse ${run.clickhouse}`,
    run.models.length && `Began with ${run.models.join(", ")}`,
  ].filter(Boolean);
  setText(byId("footer"), below.join("   ·   "));
}

function notes(list) {
  const box = byId("notes");
  show(box, list.length > 0);
  fill(box, list, () => make("p"), setText);
}

/** Say how the connection stands, and how old the page is when it is not live. */
export function link(name, ageSeconds) {
  const box = byId("connection");
  if (box.dataset.link !== name) {
    box.dataset.link = name;
    setText(byId("connection-word"), LINKS[name]);
  }
  const old = (name === "stale" || name === "down" || name === "connecting") && ageSeconds >= 1;
  setText(byId("connection-age"), old ? `${format.span(ageSeconds)} old` : "");
}
