"""The graph of dependencies as a Mermaid diagram: an arrow from each check to what hangs on it."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from healthmgr.domain.cascade import Graph


def flowchart(graph: Graph, only: Collection[str] | None = None, marked: Collection[str] = ()) -> str:
    """A flowchart with a box for each service; of these checks only, some of them marked as fallen.

    A dashed arrow is one of several that stand in for each other; a learned dependency says so.
    """
    chosen = [slug for slug in sorted(graph.services) if only is None or slug in only]
    names = {slug: f"c{place}" for place, slug in enumerate(chosen)}
    lines = ["flowchart TD", *_boxes(graph, names), *_arrows(graph, names)]
    hit = [names[slug] for slug in chosen if slug in marked]
    if hit:
        lines += ["  classDef fallen fill:#fdd,stroke:#c00", f"  class {','.join(hit)} fallen"]
    return "\n".join(lines) + "\n"


def _boxes(graph: Graph, names: dict[str, str]) -> Iterator[str]:
    by_service: dict[str, list[str]] = {}
    for slug in names:
        by_service.setdefault(graph.services[slug], []).append(slug)
    for place, (service, slugs) in enumerate(sorted(by_service.items())):
        if service:
            yield f'  subgraph s{place}["{_text(service)}"]'
        for slug in slugs:
            yield f'  {"  " if service else ""}{names[slug]}["{_text(slug)}"]'
        if service:
            yield "  end"


def _arrows(graph: Graph, names: dict[str, str]) -> Iterator[str]:
    for slug in names:
        for edge in graph.parents.get(slug, ()):
            if edge.parent in names:
                arrow = "-.->" if edge.group else "-->"
                says = f"|{_text(edge.group or 'learned')}|" if edge.group or edge.is_learned else ""
                yield f"  {names[edge.parent]} {arrow}{says} {names[slug]}"


def _text(words: str) -> str:
    """Without what Mermaid would read as its own."""
    escaped = {"#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "|": "#124;", "`": "#96;"}
    return "".join(escaped.get(character, character) for character in words)
