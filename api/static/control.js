// The state of trading beside the state of the run, and the one act: to kill it, by name and reason.

import { byId, setText, show } from "./dom.js";

const PERIOD_MS = 1000;
const WORDS = {
  active: "active",
  reducing: "reducing",
  cancel_only: "cancel only",
  halted: "halted",
  killed: "killed",
  unknown: "unknown",
};
const RUNGS = {
  degraded: "exits only",
  cancel_only: "not ready",
  halted: "not ready",
  unknown: "not heard of",
};
const OUTCOMES = {
  acted: "The door is shut",
  in_force: "In force",
  written: "Not in force yet",
  refused: "Refused",
};

/** Show the state, once or again and again, and make the button work. */
export function control(once) {
  byId("kill-open").addEventListener("click", open);
  byId("kill-back").addEventListener("click", () => byId("kill-dialog").close());
  byId("kill-confirm").addEventListener("click", confirm);
  byId("kill-dialog").addEventListener("input", () => result("", ""));
  byId("kill-dialog").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.tagName === "INPUT") confirm();
  });
  look(once);
}

async function look(once) {
  let found = null;
  try {
    const answer = await fetch("/api/v1/control");
    if (answer.ok) found = await answer.json();
  } catch {
    // The server is gone: the badge says that nothing is known.
  }
  if (found && !found.wired) return;
  draw(found);
  if (!once) setTimeout(look, PERIOD_MS);
}

function draw(found) {
  const box = byId("control");
  if (found) show(box, true);
  const scopes = found?.scopes ?? [];
  const whole = scopes.find((scope) => scope.name === "");
  const state = !found || found.fault ? "unknown" : stateOf(whole);
  const readiness = found?.readiness;
  const rung = RUNGS[readiness?.rung];
  box.dataset.state = state === "active" && rung ? "unready" : state;
  setText(byId("control-word"), [WORDS[state], rung].filter(Boolean).join(", "));
  const lower = scopes.filter((scope) => scope.name && stateOf(scope) !== "active");
  const parts = [
    found?.fault,
    !found && "The server does not answer: whether trading goes on is not known here.",
    state !== "active" && state !== "unknown" && `Trading is ${WORDS[state]}, by ${whole.by}: ${whole.reason}`,
    rung && `The account is ${rung}: ${readiness.why}`,
    whole?.said.length && `may end, says ${whole.said.join(", ")}`,
    ...lower.map((scope) => `${scope.name} ${WORDS[stateOf(scope)]}: ${scope.reason}`),
    found?.waiting?.length && `${found.waiting.length} requests wait`,
  ].filter(Boolean);
  const why = byId("control-why");
  setText(why, parts.join("  ·  "));
  why.dataset.state = box.dataset.state;
  show(why, parts.length > 0);
  if (found) setText(byId("kill-account"), found.account);
}

function stateOf(scope) {
  return !scope ? "active" : scope.killed ? "killed" : scope.state;
}

function open() {
  result("", "");
  byId("kill-confirm").disabled = false;
  setText(byId("kill-back"), "Back");
  byId("kill-dialog").showModal();
  byId("kill-by").focus();
}

async function confirm() {
  const by = byId("kill-by").value.trim();
  const reason = byId("kill-reason").value.trim();
  if (!by || !reason) {
    result("Say who you are, and why.", "warn");
    byId(by ? "kill-reason" : "kill-by").focus();
    return;
  }
  byId("kill-confirm").disabled = true;
  result("Sending …", "muted");
  try {
    const { token } = await post("/api/v1/control/token", {}, "");
    const { outcome, words } = await post("/api/v1/control/kill", { by, reason }, token);
    const done = outcome === "acted" || outcome === "in_force";
    result([OUTCOMES[outcome] ?? outcome, words].filter(Boolean).join(": "), done ? "up" : "warn");
    setText(byId("kill-back"), "Close");
  } catch (error) {
    result(`Not done: ${error.message}. Put a file named KILL into the control folder.`, "down");
    byId("kill-confirm").disabled = false;
  }
}

async function post(path, body, token) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-AIFX-Control": token },
    body: JSON.stringify(body),
  });
  const found = await answer.json();
  if (!answer.ok && !found.outcome) throw new Error(found.detail);
  return found;
}

function result(text, tone) {
  setText(byId("kill-result"), text);
  byId("kill-result").className = tone;
}
