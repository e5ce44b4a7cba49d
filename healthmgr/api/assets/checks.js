// The list of checks: one row each, kept between polls, of which only what changed is written.

const STATES = ["unhealthy", "unknown", "degraded", "healthy", "paused"];
const RANKS = Object.fromEntries(STATES.map((state, rank) => [state, rank]));
const rows = new Map(), chips = new Map();
let shown = "", wanted = "";

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
  const name = nameCell.appendChild(make("button", "link")), slug = nameCell.appendChild(make("small"));
  name.type = "button";
  name.addEventListener("click", () => openPanel(slug.textContent));
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
  found.sort((a, b) => RANKS[stateOf(a)] - RANKS[stateOf(b)] || Number(b.is_hard) - Number(a.is_hard) || a.name.localeCompare(b.name) || (a.slug < b.slug ? -1 : 1));
  arrange($("checks"), found.map((check) => rows.get(check.slug).row));
  const all = view.checks.length;
  say($("checks-count"), found.length === all ? String(all) : `${found.length} of ${all}`);
  const empty = $("checks-empty");
  empty.hidden = found.length > 0;
  $("checks").parentNode.hidden = found.length === 0;
  say(empty, all ? "No check is like that: choose another state, or clear the search."
    : "Nothing is watched yet: describe checks in healthmgr.yaml, then run: healthmgr apply");
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
