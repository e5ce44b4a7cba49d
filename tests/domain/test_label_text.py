"""Labels as people write them in one line."""

from __future__ import annotations

import pytest

from healthmgr.domain.label_text import read_labels
from healthmgr.errors import DefinitionError


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("", {}),
        ("service=shop", {"service": "shop"}),
        (" service = shop , severity=critical, ", {"service": "shop", "severity": "critical"}),
        ("service=shop\nhost=db-1", {"service": "shop", "host": "db-1"}),
        ('note="a, \\"b\\" = c", host=x y', {"note": 'a, "b" = c', "host": "x y"}),
        ("host=", {"host": ""}),
        ("url=http://x/?a=b", {"url": "http://x/?a=b"}),
    ],
)
def test_labels_are_read_by_name(text: str, labels: dict[str, str]) -> None:
    assert read_labels(text) == labels


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("service", "'service' is no label"),
        ("service=shop, x", "'x' is no label"),
        ("service!=shop", "'service!=shop' is no label"),
        ("service=~shop", "'service=~shop' is no label"),
        ('note="open', "'note=\"open' is no label"),
        ("a=1, a=2", "a is given twice"),
        ("severity=loud", "'loud' is no severity: write one of critical"),
        (",".join(f"l{n}=x" for n in range(101)), "at most 100 labels"),
    ],
)
def test_what_is_no_label_is_named(text: str, said: str) -> None:
    with pytest.raises(DefinitionError, match="labels") as raised:
        read_labels(text)
    assert said in str(raised.value)
