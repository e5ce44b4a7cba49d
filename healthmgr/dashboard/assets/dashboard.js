"use strict";
// Times that tell themselves: in the viewer's own zone, and how long ago. In a shadow root, so that what the server
// sends (the time in UTC) stays there for those without scripts, and is compared with what it sends next.
(() => {
  const moments = new Set();
  const day = 86400, hour = 3600, minute = 60;
  const two = (value) => String(value).padStart(2, "0");
  const length = (seconds) => {
    const whole = Math.max(0, Math.floor(seconds));
    if (whole < minute) return `${whole} s`;
    if (whole < hour) return `${Math.floor(whole / minute)} min`;
    const minutes = Math.floor((whole % hour) / minute), hours = Math.floor((whole % day) / hour);
    if (whole < day) return `${hours} h${minutes ? ` ${two(minutes)} min` : ""}`;
    return `${Math.floor(whole / day)} d${hours ? ` ${hours} h` : ""}`;
  };
  const onDay = { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" };
  const clock = (at) => {
    const isToday = at.toDateString() === new Date().toDateString();
    return at.toLocaleString(undefined, isToday ? { hour: "2-digit", minute: "2-digit" } : onDay);
  };
  const second = (at) => at.toLocaleString(undefined, at.toDateString() === new Date().toDateString()
    ? { timeStyle: "medium" } : { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const words = (at, form) => {
    const seconds = (Date.now() - at) / 1000;
    if (form === "ago") return Math.abs(seconds) < 1 ? "just now" : seconds >= 0 ? `${length(seconds)} ago` : `in ${length(-seconds)}`;
    if (form === "for") return length(seconds);
    if (form === "second") return second(at);
    if (form === "day") return at.toLocaleString(undefined, onDay);
    if (form === "left") return seconds >= 0 ? "now" : length(-seconds);
    return clock(at);
  };

  class Moment extends HTMLElement {
    static observedAttributes = ["at", "form"];
    connectedCallback() {
      if (!this.shadowRoot) this.attachShadow({ mode: "open" });
      moments.add(this);
      this.tell();
    }
    disconnectedCallback() { moments.delete(this); }
    attributeChangedCallback() { if (this.shadowRoot) this.tell(); }
    tell() {
      const at = new Date(this.getAttribute("at"));
      const said = words(at, this.getAttribute("form"));
      if (this.shadowRoot.textContent !== said) this.shadowRoot.textContent = said;
      const whole = at.toLocaleString(undefined, { dateStyle: "full", timeStyle: "long" });
      if (this.title !== whole) this.title = whole;
    }
  }
  customElements.define("hm-time", Moment);
  setInterval(() => moments.forEach((moment) => moment.tell()), 1000);

  // A row of results: colour and height tell the state, so that nobody has to tell red from green.
  const names = { h: "healthy", d: "degraded", u: "unhealthy", n: "unknown" };
  const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" }); // dear to make
  class Beats extends HTMLElement {
    static observedAttributes = ["data"];
    connectedCallback() {
      if (!this.shadowRoot) this.attachShadow({ mode: "open" });
      this.draw();
    }
    attributeChangedCallback() { if (this.shadowRoot) this.draw(); }
    draw() {
      const beats = (this.getAttribute("data") || "").split(" ").filter(Boolean);
      const most = Number(this.getAttribute("most") || 50), step = 6;
      const heights = { healthy: 14, degraded: 17, unhealthy: 20, unknown: 9 };
      const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      svg.setAttribute("viewBox", `0 0 ${most * step} 22`);
      svg.setAttribute("preserveAspectRatio", most > 50 ? "none" : "xMaxYMid meet");
      svg.style.cssText = "display:block;width:100%;height:22px";
      beats.slice(-most).forEach((beat, place, shown) => {
        const [letter, at, took, late] = beat.split(":");
        const status = names[letter] || "unknown", height = heights[status];
        const bar = document.createElementNS(svg.namespaceURI, "rect");
        const values = { x: (most - shown.length + place) * step, y: 22 - height, width: step - 2, height, rx: 1.5 };
        for (const name in values) bar.setAttribute(name, values[name]);
        bar.style.fill = `var(--${status})`;
        const title = document.createElementNS(svg.namespaceURI, "title");
        title.textContent = `${moment.format(at * 1000)}: ${status}, took ${took} ms` + (late ? `, began ${late} s after it was due` : "");
        bar.append(title);
        svg.append(bar);
      });
      this.shadowRoot.replaceChildren(svg);
    }
  }
  customElements.define("hm-beats", Beats);

  // What is pressed in a piece goes to the server with its data; what is folded stays folded on this machine.
  const folded = new Set(JSON.parse(localStorage.getItem("folded") || "[]"));
  const fold = document.createElement("style");
  document.head.append(fold);
  const applyFolds = () => {
    const shut = [...folded].map((name) => CSS.escape(name));
    fold.textContent = shut.map((name) => `[data-in="${name}"] { display: none !important; }\n` +
      `[data-fold="${name}"] { transform: rotate(-90deg); }`).join("\n");
  };
  applyFolds();
  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-act], [data-fold]");
    if (!target) return;
    if (target.dataset.fold !== undefined) {
      const name = target.dataset.fold;
      folded.has(name) ? folded.delete(name) : folded.add(name);
      localStorage.setItem("folded", JSON.stringify([...folded]));
      applyFolds();
      return;
    }
    event.preventDefault();
    emitEvent("act", { ...target.dataset });
  });

  // While a dialog is open, Tab goes round in it: what lies below cannot be reached.
  document.addEventListener("keydown", (event) => {
    const dialog = [...document.querySelectorAll('[role="dialog"][aria-modal="true"]')].pop();
    if (event.key !== "Tab" || !dialog) return;
    const stops = [...dialog.querySelectorAll("a[href], button, input, select, textarea, [tabindex]")]
      .filter((one) => one.tabIndex >= 0 && !one.disabled && one.checkVisibility());
    const [first, last] = event.shiftKey ? [stops.at(-1), stops[0]] : [stops[0], stops.at(-1)];
    if (!first || (dialog.contains(document.activeElement) && document.activeElement !== last)) return;
    event.preventDefault();
    first.focus();
  });
})();
