"""The graph as a Mermaid diagram."""

from __future__ import annotations

from healthmgr.domain.cascade import Edge, Graph
from healthmgr.domain.mermaid import flowchart

GRAPH = Graph(
    {"database": "data", "one": "shop", "two": "shop", "lone": ""},
    {"one": [Edge("database", "pool")], "two": [Edge("one", is_learned=True)]},
)


def test_services_are_boxes_and_dependencies_arrows():
    assert flowchart(GRAPH) == (
        "flowchart TD\n"
        '  c1["lone"]\n'
        '  subgraph s1["data"]\n'
        '    c0["database"]\n'
        "  end\n"
        '  subgraph s2["shop"]\n'
        '    c2["one"]\n'
        '    c3["two"]\n'
        "  end\n"
        "  c0 -.->|pool| c2\n"
        "  c2 -->|learned| c3\n"
    )


def test_a_part_of_it_with_what_has_fallen_marked():
    drawn = flowchart(GRAPH, {"database", "one"}, {"database"})
    assert "two" not in drawn
    assert drawn.endswith("  classDef fallen fill:#fdd,stroke:#c00\n  class c0 fallen\n")


def test_names_cannot_write_mermaid():
    hostile = Graph({"a": 'x"] --> <b>', "b": ""}, {"b": [Edge("a", "|end")]})
    drawn = flowchart(hostile)
    assert '["x#quot;] --#gt; #lt;b#gt;"]' in drawn
    assert "|#124;end|" in drawn
