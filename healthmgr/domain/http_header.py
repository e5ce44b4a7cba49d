"""What may stand in the header of an HTTP request (RFC 9110, 5.1 and 5.5)."""

from __future__ import annotations

import re
from collections.abc import Set

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")


def is_value(text: str) -> bool:
    """Whether HTTP allows this as the value of a header."""
    return bool(_VALUE.fullmatch(text))


def judge_header(name: str, value: str, ours: Set[str]) -> None:
    """Raises ValueError for a header that HTTP does not allow, or whose name is among `ours` (in small letters).

    What it says holds no value: that may be a secret.
    """
    if not _NAME.fullmatch(name) or not is_value(value):
        raise ValueError(f"{name[:60]!r} is not a header that HTTP allows: no line breaks, Latin letters only")
    if name.lower() in ours:
        raise ValueError(f"{name} is set by healthmgr itself: leave it out")
