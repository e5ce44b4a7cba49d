"""Labels of an alert as people write them in one line: service=shop, severity=critical, note="a, b"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from healthmgr.domain.check import Severity
from healthmgr.errors import DefinitionError, Problem

MOST_LABELS = 100
_LABEL = re.compile(
    r"""\s*(?P<name>[^=,\s"!~]+)\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^,"~\n][^,\n]*|))\s*(?:,|\n|$)"""
)


def read_labels(text: str) -> dict[str, str]:
    """The labels, by name. Raises DefinitionError for what is no label, a name given twice, and no severity."""
    found: dict[str, str] = {}
    for name, value in _labels(text.strip().removesuffix(",")):
        if name in found:
            raise _wrong(f"{name} is given twice")
        found[name] = value
    if len(found) > MOST_LABELS:
        raise _wrong(f"write at most {MOST_LABELS} labels")
    severity = found.get("severity")
    if severity is not None and severity not in set(Severity):
        raise _wrong(f"{severity!r} is no severity: write one of {', '.join(Severity)}")
    return found


def _labels(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text):
        found = _LABEL.match(text, at)
        if found is None:
            part = text[at:].strip().split(",")[0][:80]
            raise _wrong(f"{part!r} is no label: write NAME=VALUE, such as service=api")
        quoted = found["quoted"]
        yield found["name"], re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else found["plain"].strip()
        at = found.end()


def _wrong(message: str) -> DefinitionError:
    return DefinitionError([Problem(message, path="labels")])
