// Pieces of HTML, changed in place: an element stays the same element while its key, or its place, stays the same.
function nodeFrom(html) {
  const template = document.createElement("template");
  template.innerHTML = html.trim();
  return template.content.firstElementChild;
}

function alter(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) {
    old.replaceWith(fresh);
    return;
  }
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  for (const { name } of [...old.attributes])
    if (!fresh.hasAttribute(name) && !(name === "open" && old.nodeName === "DETAILS")) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes)
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  const before = [...old.childNodes], after = [...fresh.childNodes];
  after.forEach((child, place) => (place < before.length ? alter(before[place], child) : old.append(child)));
  before.slice(after.length).forEach((child) => child.remove());
}

// A text and its edits (edits.py): how many parts it has, then threes of parts kept, parts left out, text put in.
function edited(old, edits) {
  const parts = old.match(/[^ \n<>"]*[ \n<>"]|[^ \n<>"]+$/g) || [];
  if (parts.length !== edits[0]) return null;
  let at = 0, made = "";
  for (let place = 1; place < edits.length; place += 3) {
    made += parts.slice(at, at + edits[place]).join("") + edits[place + 2];
    at += edits[place] + edits[place + 1];
  }
  return made + parts.slice(at).join("");
}

export default {
  template: `<component :is="tag"></component>`,
  props: { tag: String, pieces: Array },
  mounted() {
    this.nodes = new Map();
    this.texts = new Map();
    this.order = [];
    this.showAll(this.pieces);
  },
  watch: {
    pieces(whole) { this.showAll(whole); },
  },
  methods: {
    showAll(whole) { this.show(whole.map(([key]) => key), whole); },
    show(order, changed) {
      this.order = order || this.order;
      const wanted = new Set(this.order);
      for (const [key, node] of this.nodes)
        if (!wanted.has(key)) {
          node.remove();
          this.nodes.delete(key);
          this.texts.delete(key);
        }
      for (const [key, change] of changed) {
        const html = typeof change === "string" ? change : edited(this.texts.get(key) || "", change);
        if (html === null) return location.reload(); // begun from another text than the server's
        this.texts.set(key, html);
        const fresh = nodeFrom(html), node = this.nodes.get(key);
        if (node && node.nodeName === fresh.nodeName) {
          alter(node, fresh);
          continue;
        }
        node?.remove();
        this.nodes.set(key, fresh);
      }
      let place = null;
      for (const key of this.order) {
        const node = this.nodes.get(key);
        if (!node) continue;
        const next = place ? place.nextSibling : this.$el.firstChild;
        if (next !== node) this.$el.insertBefore(node, next);
        place = node;
      }
    },
  },
};
