// The open alerts, and what a responder does about them.

const TONES = { critical: "unhealthy", high: "unhealthy", medium: "degraded", low: "paused" };
const cards = new Map();
let resolving = null, returnTo = null;

function newCard(id) {
  const card = make("li"), what = card.appendChild(make("p", "what"));
  const name = what.appendChild(make("b")), severity = what.appendChild(make("span", "badge")), state = what.appendChild(make("span", "soft"));
  const summary = card.appendChild(make("p", "summary")), facts = card.appendChild(make("p", "facts"));
  const opened = facts.appendChild(timed()), incident = facts.appendChild(make("span")), service = facts.appendChild(make("span"));
  const runbook = facts.appendChild(make("a", "", "Runbook"));
  runbook.rel = "noopener noreferrer";
  runbook.target = "_blank";
  const actions = card.appendChild(make("div", "actions"));
  const acknowledge = actions.appendChild(make("button", "", "Acknowledge")), resolve = actions.appendChild(make("button", "", "Resolve"));
  acknowledge.type = resolve.type = "button";
  acknowledge.addEventListener("click", () => act(acknowledge, id, "acknowledge", {}));
  resolve.addEventListener("click", () => askToResolve(id, resolve));
  return { card, name, severity, state, summary, opened, incident, service, runbook, actions, acknowledge, resolve };
}
function alertState(alert) {
  if (alert.state === "suppressed") return `because ${alert.suppressed_by || "another check"} failed`;
  if (alert.state === "acknowledged") return `acknowledged by ${alert.acknowledged_by || "somebody"}`;
  return alert.is_flapping ? "flapping" : alert.status;
}
function fillCard(cells, alert) {
  tone(cells.card, TONES[alert.severity] || "unknown");
  cells.card.classList.toggle("is-calm", alert.state !== "firing");
  say(cells.name, alert.check_name);
  say(cells.severity, alert.severity);
  say(cells.state, alertState(alert));
  say(cells.summary, alert.summary);
  say(cells.incident, alert.incident_number === null ? "" : `incident #${alert.incident_number}`);
  say(cells.service, alert.service);
  // Only web addresses become links: anything else could run as script.
  cells.runbook.hidden = !/^https?:\/\//i.test(alert.runbook_url);
  if (!cells.runbook.hidden) cells.runbook.href = alert.runbook_url;
  cells.actions.hidden = !mayAct;
  cells.acknowledge.hidden = alert.state !== "firing";
  cells.acknowledge.setAttribute("aria-label", `Acknowledge ${alert.check_name}`);
  cells.resolve.setAttribute("aria-label", `Resolve ${alert.check_name}`);
}
function tickCard(cells, alert) { at(cells.opened, alert.opened_at, (distance) => `opened ${ago(distance)}`); }
function showAlerts(alerts, total) {
  const order = ["critical", "high", "medium", "low"], calm = (alert) => Number(alert.state !== "firing");
  const sorted = [...alerts].sort((a, b) => calm(a) - calm(b) || order.indexOf(a.severity) - order.indexOf(b.severity));
  for (const alert of sorted) {
    if (!cards.has(alert.id)) cards.set(alert.id, newCard(alert.id));
    fillCard(cards.get(alert.id), alert);
    tickCard(cards.get(alert.id), alert);
  }
  forget(cards, new Set(sorted.map((alert) => alert.id)));
  arrange($("alerts"), sorted.map((alert) => cards.get(alert.id).card));
  say($("alerts-count"), total ? (total > alerts.length ? `newest ${alerts.length} of ${total}` : String(total)) : "");
  $("alerts-empty").hidden = alerts.length > 0;
  say($("alerts-empty"), "No open alerts: nobody needs to do anything.");
}
async function act(button, id, action, body) {
  button.disabled = true;
  try {
    await ask(`/api/v1/alerts/${encodeURIComponent(id)}/${action}`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    toast(action === "acknowledge" ? "Acknowledged: nobody is told again while you are on it." : "Resolved.");
    await poll();
  } catch (error) {
    toast(error.message);
  } finally {
    button.disabled = false;
  }
}
function askToResolve(id, button) {
  const alert = view.alerts.find((other) => other.id === id);
  resolving = id;
  returnTo = button;
  $("comment").value = "";
  say($("resolve-what"), alert ? `${alert.check_name}: ${alert.summary}` : "");
  $("resolve").showModal();
}
