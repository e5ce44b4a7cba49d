"use strict";
// How long things took, as a small line: whole microseconds by the hour, a dash where nothing was measured.
(() => {
  const width = 72, height = 20;
  class Spark extends HTMLElement {
    static observedAttributes = ["data"];
    connectedCallback() {
      if (!this.shadowRoot) this.attachShadow({ mode: "open" });
      this.draw();
    }
    attributeChangedCallback() { if (this.shadowRoot) this.draw(); }
    draw() {
      const values = (this.getAttribute("data") || "").split(" ").filter(Boolean).map((text) => (text === "-" ? null : Number(text)));
      const known = values.filter((value) => value !== null);
      if (!known.length) return this.shadowRoot.replaceChildren();
      // From nothing up, so that a small tremble looks small.
      const most = Math.max(...known) || 1, across = (width - 4) / Math.max(values.length - 1, 1);
      const make = (name, attributes) => {
        const made = document.createElementNS("http://www.w3.org/2000/svg", name);
        for (const each in attributes) made.setAttribute(each, attributes[each]);
        return made;
      };
      const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
      svg.style.cssText = `display:block;width:100%;max-width:${width}px;height:${height}px`;
      let path = "", isDrawing = false, last = null;
      values.forEach((value, place) => {
        if (value === null) { isDrawing = false; return; }
        last = [2 + place * across, height - 3 - (value / most) * (height - 6)];
        path += `${isDrawing ? "L" : "M"}${last[0].toFixed(1)} ${last[1].toFixed(1)}`;
        isDrawing = true;
      });
      const line = make("path", { d: path, fill: "none", "stroke-width": 1.4, "stroke-linejoin": "round", "stroke-linecap": "round" });
      line.style.stroke = "var(--soft)";
      const dot = make("circle", { cx: last[0], cy: last[1], r: 1.8 });
      dot.style.fill = "var(--text)";
      svg.append(line, dot);
      this.shadowRoot.replaceChildren(svg);
    }
  }
  customElements.define("hm-spark", Spark);
})();
