// One poll every two seconds; what it brings is shown by the other files.

const POLL_AFTER = 2000, POLL_HIDDEN_AFTER = 15000, STALE_AFTER = 10000, TOKEN = "healthmgr-token";
const COLOURS = { healthy: "#2a9d63", degraded: "#d9960f", unhealthy: "#d7354b", unknown: "#7d62d6", paused: "#80868e" };
const parts = new Map();
let token = "", mayAct = false, etag = "", view = null, timer = 0, skew = 0, heardAt = 0, toastTimer = 0;
let wantedIncident = incidentFromAddress();

// The whole, and healthmgr itself.

/** What is believed of the whole: a failure that is being tried again is said, but changes no colour yet. */
function wholeSaid(checks) {
  const active = checks.filter((check) => !check.is_paused);
  if (!active.length) return checks.length ? "Everything is paused" : "Nothing is watched yet";
  const bad = active.filter((check) => check.status !== "healthy"), sure = bad.filter((check) => check.is_hard);
  const said = ["unhealthy", "unknown", "degraded"]
    .map((state) => [sure.filter((check) => check.status === state).length, state])
    .filter(([count]) => count).map(([count, state]) => `${count} ${state}`);
  if (!said.length) said.push("All is well");
  if (bad.length > sure.length) said.push(`${bad.length - sure.length} being tried again`);
  return said.join(", ");
}
function showWhole(status, health) {
  const said = wholeSaid(view.checks);
  tone($("whole"), view.checks.some((check) => !check.is_paused) ? status.status : "paused");
  say($("whole-said"), said);
  const alerts = status.unacknowledged_alerts;
  document.title = (alerts ? `(${alerts}) ` : "") + `${said} · healthmgr`;
  paintIcon(health.is_well ? COLOURS[status.status] : COLOURS.unknown);
  const aloud = `${said}. ${alerts ? `${alerts} alerts nobody has acknowledged.` : ""} ${health.is_well ? "" : "healthmgr itself is unwell."}`;
  say($("spoken"), aloud.trim());
}
function paintIcon(colour) {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="${colour}"/></svg>`;
  const href = `data:image/svg+xml,${encodeURIComponent(svg)}`;
  if ($("icon").href !== href) $("icon").href = href;
}
function newPart() {
  const item = make("li");
  item.append(glyph());
  return { item, name: item.appendChild(make("b")), age: item.appendChild(make("span", "soft number")), message: item.appendChild(make("p")) };
}
function showSelf(health) {
  const sorted = [...health.parts].sort((a, b) => Number(a.is_well) - Number(b.is_well));
  for (const part of sorted) {
    if (!parts.has(part.name)) parts.set(part.name, newPart());
    const cells = parts.get(part.name);
    tone(cells.item, part.is_well ? "healthy" : "unhealthy");
    cells.item.classList.toggle("is-unwell", !part.is_well);
    say(cells.name, part.name);
    say(cells.message, part.message);
  }
  tickSelf(health);
  forget(parts, new Set(sorted.map((part) => part.name)));
  arrange($("parts"), sorted.map((part) => parts.get(part.name).item));
  const unwell = sorted.filter((part) => !part.is_well);
  say($("self-said"), unwell.length ? `${unwell.length} of ${sorted.length} parts unwell` : "all parts well");
  $("warning").hidden = !unwell.length;
  if (unwell.length) say($("warning-said"), `healthmgr itself is unwell: ${unwell[0].message}${unwell.length > 1 ? `, and ${unwell.length - 1} more` : ""}.`);
}
function tickSelf(health) {
  for (const part of health.parts) {
    const cells = parts.get(part.name), depth = part.detail.depth;
    if (!cells) continue;
    const waiting = typeof depth === "number" && depth > 0 ? `${depth} waiting · ` : "";
    say(cells.age, waiting + (part.age === null ? (part.is_well ? "" : "silent") : `${lasted(part.age * 1000)} ago`));
  }
}
function show() {
  showWhole(view.status, view.health);
  showAlerts(view.alerts, Object.values(view.status.open_alerts).reduce((sum, count) => sum + count, 0));
  showChecks(view.checks);
  showSelf(view.health);
  refreshPanel();
  if (wantedIncident !== null) showIncident(wantedIncident);
}
/** What a message's link was about, once: the incident's first alert that is open. */
function showIncident(number) {
  wantedIncident = null;
  const fitting = new Set(view.alerts.filter((alert) => alert.incident_number === number).map((alert) => cards.get(alert.id).card));
  const card = [...$("alerts").children].find((other) => fitting.has(other));
  if (!card) return toast(`Incident #${number} is over: none of its alerts is among the open ones here.`);
  for (const other of document.querySelectorAll(".is-wanted")) other.classList.remove("is-wanted");
  card.classList.add("is-wanted");
  card.tabIndex = -1;
  card.focus({ preventScroll: true });
  card.scrollIntoView({ block: "center" });
}

// Talking to the API.

async function ask(path, options = {}) {
  const headers = { Authorization: `Bearer ${token}`, ...options.headers };
  const answer = await fetch(path, { cache: "no-store", credentials: "omit", ...options, headers });
  if (answer.ok || answer.status === 304) return answer;
  const problem = await answer.json().catch(() => ({}));
  const error = new Error(problem.detail || `The API answered ${answer.status}.`);
  error.status = answer.status;
  throw error;
}
async function poll() {
  clearTimeout(timer);
  try {
    const asked = Date.now(), answer = await ask("/api/v1/overview", etag ? { headers: { "If-None-Match": etag } } : {});
    heardAt = Date.now();
    if (answer.status !== 304) {
      etag = answer.headers.get("ETag") || "";
      view = await answer.json();
      // The server's clock counts; half of the way there and back is the best guess at its delay.
      skew = Date.parse(view.at) + (heardAt - asked) / 2 - heardAt;
      show();
    }
  } catch (error) {
    if (error.status === 401 || error.status === 403) return leave(error.message);
  }
  freshen();
  clearTimeout(timer);
  timer = setTimeout(poll, document.hidden ? POLL_HIDDEN_AFTER : POLL_AFTER);
}
function freshen() {
  const silence = Date.now() - heardAt, isStale = silence > (document.hidden ? STALE_AFTER + POLL_HIDDEN_AFTER : STALE_AFTER);
  document.body.classList.toggle("stale", isStale);
  say($("live-said"), isStale ? (heardAt ? `no answer for ${lasted(silence)}` : "no answer") : "live");
}
function tick() {
  if (!token || document.hidden) return;
  freshen();
  if (!view) return;
  tickPanel();
  for (const check of view.checks) if (rows.has(check.slug)) tickRow(rows.get(check.slug), check);
  for (const alert of view.alerts) if (cards.has(alert.id)) tickCard(cards.get(alert.id), alert);
}
function toast(text) {
  clearTimeout(toastTimer);
  $("toast").hidden = false;
  say($("toast"), text);
  toastTimer = setTimeout(() => { $("toast").hidden = true; say($("toast"), ""); }, 6000);
}

// Coming and going.

async function enter(given) {
  token = given;
  try {
    const me = await (await ask("/api/v1/me")).json();
    mayAct = me.role === "responder" || me.role === "admin";
    if (me.role === "ingest") return leave("This token may only send pings: use one with the role viewer or responder.");
    sessionStorage.setItem(TOKEN, token);
  } catch (error) {
    if (error.status) return leave(error.message);
    // The API is away, not the token: keep asking.
    timer = setTimeout(() => enter(given), POLL_AFTER);
    return leave("The API does not answer; trying again…", false);
  }
  heardAt = Date.now();
  $("door").hidden = true;
  $("screen").hidden = false;
  await poll();
}
function leave(why = "", forgetToken = true) {
  if (forgetToken) {
    clearTimeout(timer);
    token = "";
    sessionStorage.removeItem(TOKEN);
  }
  etag = "";
  view = null;
  for (const map of [rows, cards, parts]) map.clear();
  for (const id of ["checks", "alerts", "parts"]) $(id).replaceChildren();
  for (const id of ["resolve", "panel"]) if ($(id).open) $(id).close();
  $("screen").hidden = true;
  $("door").hidden = false;
  document.title = "healthmgr";
  say($("spoken"), "");
  say($("door-said"), why);
  if (forgetToken) $("token").focus();
}
function tokenFromAddress() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  // Not left in the address bar, where it could be copied, bookmarked or seen.
  if (given) history.replaceState(null, "", location.pathname + location.search);
  return given;
}
function incidentFromAddress() {
  const given = new URLSearchParams(location.hash.slice(1)).get("incident");
  return /^\d{1,18}$/.test(given || "") ? Number(given) : null;
}

$("door-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const given = $("token").value.trim();
  $("token").value = "";
  clearTimeout(timer);
  enter(given);
});
$("leave").addEventListener("click", () => leave());
$("search").addEventListener("input", () => { wanted = $("search").value; if (view) sift(); });
$("resolve-no").addEventListener("click", () => $("resolve").close());
$("resolve").addEventListener("close", () => { if (returnTo && returnTo.isConnected) returnTo.focus(); });
$("resolve-form").addEventListener("submit", () => { if (returnTo) act(returnTo, resolving, "resolve", { comment: $("comment").value.trim() }); });
document.addEventListener("visibilitychange", () => { if (!document.hidden && view) poll(); });
window.addEventListener("hashchange", () => {
  wantedIncident = incidentFromAddress();
  if (wantedIncident !== null && view) show();
});
window.addEventListener("hashchange", () => { const given = tokenFromAddress(); if (given) { leave("", true); enter(given); } });
setInterval(tick, 1000);

const given = tokenFromAddress() || sessionStorage.getItem(TOKEN);
if (given) enter(given);
else leave();
