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

export default {
  template: `<component :is="tag"></component>`,
  props: { tag: String, pieces: Array },
  mounted() {
    this.nodes = new Map();
    this.show(this.pieces.map(([key]) => key), Object.fromEntries(this.pieces));
  },
  methods: {
    show(order, changed) {
      const wanted = new Set(order);
      for (const [key, node] of this.nodes)
        if (!wanted.has(key)) {
          node.remove();
          this.nodes.delete(key);
        }
      let place = null;
      for (const key of order) {
        let node = this.nodes.get(key);
        if (changed[key] !== undefined) {
          const fresh = nodeFrom(changed[key]);
          if (!node || node.nodeName !== fresh.nodeName) {
            node?.remove();
            node = fresh;
          } else alter(node, fresh);
          this.nodes.set(key, node);
        }
        if (!node) continue;
        const next = place ? place.nextSibling : this.$el.firstChild;
        if (next !== node) this.$el.insertBefore(node, next);
        place = node;
      }
    },
  },
};
