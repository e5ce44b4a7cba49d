// One check from near: what it is, its last results as bars (height: response time), its changes of state.

let opened = null, openedCheck = null, openedAt = "";

async function openPanel(slug) {
  opened = slug;
  openedCheck = null;
  openedAt = "";
  for (const id of ["panel-facts", "panel-results", "panel-changes"]) $(id).replaceChildren();
  for (const id of ["panel-word", "panel-since", "panel-message", "panel-description", "panel-range"]) say($(id), "");
  const line = view.checks.find((check) => check.slug === slug);
  say($("panel-title"), line ? line.name : slug);
  $("panel").showModal();
  await fillPanel();
}
async function fillPanel() {
  const slug = opened, path = `/api/v1/checks/${encodeURIComponent(slug)}`;
  try {
    const answers = await Promise.all([ask(path), ask(`${path}/results?limit=60`), ask(`${path}/transitions?limit=6`)]);
    const [check, results, changes] = await Promise.all(answers.map((answer) => answer.json()));
    if (opened !== slug) return;
    openedCheck = check;
    openedAt = check.last_result_at;
    showFacts(check);
    showResults(results.items);
    showChanges(changes.items);
    tickPanel();
  } catch (error) {
    if (opened === slug) toast(error.message);
  }
}
function showFacts(check) {
  const state = stateOf(check);
  tone($("panel-state"), state);
  say($("panel-word"), [state, confidence(check)].filter(Boolean).join(", "));
  say($("panel-message"), check.last_message);
  say($("panel-description"), check.description);
  const limits = Object.entries(check.thresholds).flatMap(([level, by]) => Object.entries(by).map(([metric, limit]) => `${level}: ${metric} ${limit}`));
  const metrics = Object.entries(check.last_metrics).map(([metric, number]) => `${metric} ${Number(number.toPrecision(4))}`);
  const facts = [
    ["Slug", check.slug], ["Kind", check.kind], ["Service", check.service], ["Severity", check.severity],
    ["Every", lasted(check.interval * 1000)], ["Given up after", check.timeout < 1 ? took(check.timeout) : lasted(check.timeout * 1000)], ["Response time", took(check.last_response_time)],
    ["Depends on", check.depends_on.join(", ")], ["Labels", Object.entries(check.labels).map((pair) => pair.join(": ")).join(", ")],
    ["Limits", limits.join("\n")], ["Measured", metrics.join("\n")],
  ];
  $("panel-facts").replaceChildren(...facts.filter(([, text]) => text).map(([name, text]) => {
    const fact = make("div");
    fact.append(make("dt", "", name), make("dd", "", text));
    return fact;
  }));
  $("panel-actions").hidden = !mayAct;
  say($("panel-pause"), check.is_paused ? "Resume" : "Pause");
  $("panel-run").hidden = check.is_paused;
}
function showResults(results) {
  const oldestFirst = [...results].reverse(), longest = Math.max(0.001, ...results.map((result) => result.response_time));
  $("panel-results").replaceChildren(...oldestFirst.map((result) => {
    const bar = make("span");
    tone(bar, result.status);
    bar.style.height = `${Math.max(6, (100 * result.response_time) / longest)}%`;
    bar.title = `${absolute.format(new Date(result.started_at))}: ${result.status}, ${took(result.response_time)}, ${result.message}`;
    return bar;
  }));
  const bad = results.filter((result) => result.status !== "healthy").length;
  const said = results.length ? `${results.length} results, ${bad} of them not healthy, the longest took ${took(longest)}` : "none yet";
  $("panel-results").setAttribute("aria-label", said);
  say($("panel-range"), said);
}
function showChanges(changes) {
  $("panel-changes").replaceChildren(...changes.map((change) => {
    const item = make("li"), when = item.appendChild(timed("soft")), state = item.appendChild(make("span", "state"));
    at(when, change.at, ago);
    tone(state, change.new_status);
    state.append(glyph(), make("span", "", change.is_hard ? change.new_status : `${change.new_status}, soft`));
    item.append(make("span", "", change.message));
    return item;
  }));
  if (!changes.length) $("panel-changes").append(make("li", "soft", "None so far."));
}
function tickPanel() {
  if (!opened || !openedCheck) return;
  const { since_at: since, next_due_at: due, is_paused: isPaused } = openedCheck;
  const said = [since ? `for ${lasted(now() - Date.parse(since))}` : "", due && !isPaused ? `next probe ${until(now() - Date.parse(due))}` : ""];
  say($("panel-since"), said.filter(Boolean).join(", "));
}
/** After a poll: read again when there is a newer result, or the check was paused or resumed. */
function refreshPanel() {
  if (!opened || !openedCheck) return;
  const line = view.checks.find((check) => check.slug === opened);
  if (line && (line.last_result_at !== openedAt || line.is_paused !== openedCheck.is_paused)) fillPanel();
}
async function order(button, action, said) {
  button.disabled = true;
  try {
    await ask(`/api/v1/checks/${encodeURIComponent(opened)}/${action}`, { method: "POST" });
    toast(said);
    await poll();
  } catch (error) {
    toast(error.message);
  } finally {
    button.disabled = false;
  }
}

$("panel-close").addEventListener("click", () => $("panel").close());
$("panel").addEventListener("close", () => { opened = null; openedCheck = null; });
$("panel").addEventListener("click", (event) => { if (event.target === $("panel")) $("panel").close(); });
$("panel-run").addEventListener("click", () => order($("panel-run"), "run", "A probe is ordered."));
$("panel-pause").addEventListener("click", () => {
  if (openedCheck.is_paused) order($("panel-pause"), "resume", "Resumed.");
  else order($("panel-pause"), "pause", "Paused: it is not probed until it is resumed.");
});
