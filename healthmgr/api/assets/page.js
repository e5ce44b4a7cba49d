"use strict";
// The whole page: one poll every two seconds, and only what changed is written. Nothing that was read from
// the API becomes markup: every text goes through textContent.
(() => {
  const POLL_AFTER = 2000, POLL_HIDDEN_AFTER = 15000, STALE_AFTER = 10000, TOKEN = "healthmgr-token";
  const STATES = ["unhealthy", "unknown", "degraded", "healthy", "paused"];
  const RANKS = Object.fromEntries(STATES.map((state, rank) => [state, rank]));
  const COLOURS = { healthy: "#2a9d63", degraded: "#d9960f", unhealthy: "#d7354b", unknown: "#7d62d6", paused: "#80868e" };
  const TONES = { critical: "unhealthy", high: "unhealthy", medium: "degraded", low: "paused" };

  const $ = (id) => document.getElementById(id);
  const rows = new Map(), cards = new Map(), parts = new Map(), chips = new Map();
  let token = "", mayAct = false, etag = "", view = null, timer = 0, skew = 0, heardAt = 0, shown = "", wanted = "";
  let resolving = null, returnTo = null, toastTimer = 0;

  // ---- Small tools ----------------------------------------------------------------------------

  function make(tag, className = "", text = "") {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text) node.textContent = text;
    return node;
  }
  function say(node, text) { if (node.textContent !== text) node.textContent = text; }
  function tone(node, name) { if (node.dataset.tone !== name) node.dataset.tone = name; }
  function glyph() { const node = make("span", "glyph"); node.setAttribute("aria-hidden", "true"); return node; }
  function now() { return Date.now() + skew; }

  /** Put `nodes` into `parent` in this order, moving as few as possible so that nobody loses the focus. */
  function arrange(parent, nodes) {
    const keep = new Set(nodes);
    for (const node of [...parent.children]) if (!keep.has(node)) node.remove();
    let at = parent.firstElementChild;
    for (const node of nodes) {
      if (node === at) at = at.nextElementSibling;
      else parent.insertBefore(node, at);
    }
  }
  function forget(map, keys) { for (const key of [...map.keys()]) if (!keys.has(key)) map.delete(key); }

  // ---- Times as people read them ----------------------------------------------------------------

  function two(whole, large, largeName, small, smallName) {
    const rest = Math.floor((whole % large) / small);
    return `${Math.floor(whole / large)} ${largeName}` + (rest ? ` ${String(rest).padStart(2, "0")} ${smallName}` : "");
  }
  function lasted(milliseconds) {
    const whole = Math.max(0, Math.floor(milliseconds / 1000));
    if (whole < 60) return `${whole} s`;
    if (whole < 3600) return `${Math.floor(whole / 60)} min`;
    return whole < 86400 ? two(whole, 3600, "h", 60, "min") : two(whole, 86400, "d", 3600, "h");
  }
  function took(seconds) {
    if (seconds === null) return "";
    if (seconds < 0.001) return "< 1 ms";
    if (seconds < 0.9995) return `${seconds < 0.1 ? Number((seconds * 1000).toPrecision(3)) : Math.round(seconds * 1000)} ms`;
    return `${seconds.toFixed(2)} s`;
  }
  const absolute = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
  function timed(className = "") { return make("time", className); }
  function at(node, instant, phrase) {
    if (node.dateTime !== (instant || "")) {
      node.dateTime = instant || "";
      node.title = instant ? absolute.format(new Date(instant)) : "";
    }
    say(node, instant ? phrase(now() - Date.parse(instant)) : "");
  }
  const ago = (distance) => (distance < 1000 ? "just now" : `${lasted(distance)} ago`);
  const until = (distance) => (distance >= -999 ? "now" : `in ${lasted(-distance)}`);

  // ---- Checks -----------------------------------------------------------------------------------

  const stateOf = (check) => (check.is_paused ? "paused" : check.status);

  function confidence(check) {
    if (check.is_paused) return "";
    const said = [];
    if (!check.is_hard && check.status !== "healthy") said.push(`attempt ${check.attempt} of ${check.max_attempts}`);
    if (check.is_flapping) said.push("flapping");
    return said.join(", ");
  }
  function newRow() {
    const row = make("tr");
    row.setAttribute("role", "row");
    const cell = (className, label = "") => {
      const node = row.appendChild(make("td", className));
      node.setAttribute("role", "cell");
      if (label) node.dataset.label = label;
      return node;
    };
    const stateCell = cell("state-cell");
    const state = stateCell.appendChild(make("span", "state"));
    state.append(glyph());
    const word = state.appendChild(make("span"));
    const sure = stateCell.appendChild(make("small"));
    const nameCell = cell("name");
    const name = nameCell.appendChild(make("b")), slug = nameCell.appendChild(make("small"));
    const service = cell("meta"), since = cell("meta", "for").appendChild(timed());
    const message = cell("message").appendChild(make("span"));
    const took_ = cell("meta number", "took"), due = cell("meta number", "due").appendChild(timed());
    return { row, state, word, sure, name, slug, service, since, message, took: took_, due };
  }
  function fillRow(cells, check) {
    const state = stateOf(check);
    tone(cells.state, state);
    say(cells.word, state);
    say(cells.sure, confidence(check));
    say(cells.name, check.name);
    say(cells.slug, check.slug);
    say(cells.service, check.service);
    say(cells.message, check.last_message);
    if (cells.message.title !== check.last_message) cells.message.title = check.last_message;
    say(cells.took, took(check.last_response_time));
  }
  function tickRow(cells, check) {
    at(cells.since, check.since_at, lasted);
    at(cells.due, check.is_paused ? null : check.next_due_at, until);
    cells.since.parentNode.classList.toggle("is-empty", !check.since_at);
    cells.due.parentNode.classList.toggle("is-empty", !cells.due.textContent);
  }
  function showChecks(checks) {
    const seen = new Set();
    for (const check of checks) {
      seen.add(check.slug);
      if (!rows.has(check.slug)) rows.set(check.slug, newRow());
      const cells = rows.get(check.slug);
      fillRow(cells, check);
      tickRow(cells, check);
    }
    forget(rows, seen);
    sift();
    showChips(checks);
  }
  /** Show the checks that are asked for, the worst first. */
  function sift() {
    const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
    const found = view.checks.filter((check) => {
      if (shown && stateOf(check) !== shown) return false;
      const text = `${check.name} ${check.slug} ${check.service} ${check.kind} ${check.last_message}`.toLowerCase();
      return words.every((word) => text.includes(word));
    });
    found.sort((a, b) => RANKS[stateOf(a)] - RANKS[stateOf(b)] || a.name.localeCompare(b.name) || (a.slug < b.slug ? -1 : 1));
    arrange($("checks"), found.map((check) => rows.get(check.slug).row));
    const all = view.checks.length;
    say($("checks-count"), found.length === all ? String(all) : `${found.length} of ${all}`);
    const empty = $("checks-empty");
    empty.hidden = found.length > 0;
    $("checks").parentNode.hidden = found.length === 0;
    say(empty, all ? "No check is like that: choose another state, or clear the search."
      : "Nothing is watched yet: describe checks in healthmgr.yaml and run `healthmgr apply`.");
  }
  function showChips(checks) {
    const counts = Object.fromEntries(STATES.map((state) => [state, 0]));
    for (const check of checks) counts[stateOf(check)] += 1;
    for (const state of STATES) {
      if (!chips.has(state)) chips.set(state, newChip(state));
      const chip = chips.get(state);
      say(chip.word, `${counts[state]} ${state}`);
      chip.button.setAttribute("aria-pressed", String(shown === state));
      chip.button.hidden = !counts[state] && shown !== state;
    }
  }
  function newChip(state) {
    const button = make("button");
    button.type = "button";
    tone(button, state);
    button.append(glyph());
    const word = button.appendChild(make("span"));
    button.addEventListener("click", () => { shown = shown === state ? "" : state; sift(); showChips(view.checks); });
    $("chips").append(button);
    return { button, word };
  }

  // ---- Alerts -----------------------------------------------------------------------------------

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

  // ---- The whole, and healthmgr itself ----------------------------------------------------------

  function wholeSaid(status) {
    const bad = ["unhealthy", "unknown", "degraded"].filter((state) => status.checks[state]);
    if (!status.total_checks) return "Nothing is watched yet";
    if (bad.length) return bad.map((state) => `${status.checks[state]} ${state}`).join(", ");
    return status.checks.healthy ? "All is well" : "Everything is paused";
  }
  function showWhole(status, health) {
    const said = wholeSaid(status), calm = said === "Everything is paused" || !status.total_checks;
    tone($("whole"), calm ? "paused" : status.status);
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
    const unwell = sorted.filter((part) => !part.is_well).length;
    say($("self-said"), unwell ? `${unwell} of ${sorted.length} parts unwell` : "all parts well");
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
  }

  // ---- Talking to the API -----------------------------------------------------------------------

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
    for (const check of view.checks) if (rows.has(check.slug)) tickRow(rows.get(check.slug), check);
    for (const alert of view.alerts) if (cards.has(alert.id)) tickCard(cards.get(alert.id), alert);
  }
  function toast(text) {
    clearTimeout(toastTimer);
    $("toast").hidden = false;
    say($("toast"), text);
    toastTimer = setTimeout(() => { $("toast").hidden = true; say($("toast"), ""); }, 6000);
  }

  // ---- Coming and going -------------------------------------------------------------------------

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
    if ($("resolve").open) $("resolve").close();
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
  window.addEventListener("hashchange", () => { const given = tokenFromAddress(); if (given) { leave("", true); enter(given); } });
  setInterval(tick, 1000);

  const given = tokenFromAddress() || sessionStorage.getItem(TOKEN);
  if (given) enter(given);
  else leave();
})();
