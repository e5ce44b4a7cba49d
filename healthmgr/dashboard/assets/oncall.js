"use strict";
// A link to the same page by the viewer's own clock, where that is another than those that are offered already.
(() => {
  class OwnZone extends HTMLElement {
    connectedCallback() {
      const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
      if (!zone || this.getAttribute("shown").split(" ").includes(zone)) return;
      const link = document.createElement("a");
      link.className = "chip";
      link.href = this.getAttribute("href").replace("ZONE", encodeURIComponent(zone));
      link.textContent = `your clock (${zone})`;
      this.replaceChildren(link);
    }
  }
  customElements.define("hm-own-zone", OwnZone);
  // What the clock says there is left out where it is the viewer's own.
  const own = document.createElement("style");
  own.textContent = `.there[data-zone="${CSS.escape(Intl.DateTimeFormat().resolvedOptions().timeZone || "")}"] { display: none; }`;
  document.head.append(own);
})();
// A form that asks for a time says by whose clock it was meant.
document.addEventListener("submit", (event) => {
  for (const input of event.target.querySelectorAll("input[data-own-zone]"))
    input.value = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
}, true);
