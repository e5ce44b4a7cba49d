// Small tools. Nothing that was read from the API becomes markup: every text goes through textContent.

const $ = (id) => document.getElementById(id);

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

// Times as people read them.

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
