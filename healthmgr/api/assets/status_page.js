"use strict";
// While somebody looks at the page, what it says is renewed, not the page: nobody loses their place in it.
setInterval(async () => {
  if (document.hidden) return;
  const answer = await fetch(location.href).catch(() => null); // no network: in a minute
  if (!answer?.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const shown = document.querySelector("main"), next = fresh.querySelector("main");
  document.title = fresh.title;
  if (shown.innerHTML !== next.innerHTML) shown.replaceChildren(...next.childNodes);
}, 60_000);
