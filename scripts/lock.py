"""Write requirements/run.lock and requirements/dev.lock: what is installed beside this Python, exactly."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_FOLDER = Path(__file__).parents[1] / "requirements"
_PROJECT = "healthmgr"
# Wanted by redis on Python releases that this machine need not have, so that it cannot be read off what is installed.
_ELSEWHERE = ('async-timeout==5.0.1 ; python_full_version < "3.11.3"',)


def closure(name: str, extras: frozenset[str], seen: set[tuple[str, str]]) -> Iterator[str]:
    """The names of all that a distribution needs here, with these of its extras."""
    for text in distribution(name).requires or ():
        requirement = Requirement(text)
        for extra in ("", *extras):
            if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
                continue
            needed = canonicalize_name(requirement.name)
            wanted = frozenset(requirement.extras)
            key = (needed, ",".join(sorted(wanted)))
            if key not in seen:
                seen.add(key)
                yield needed
                yield from closure(needed, wanted, seen)
            break


def pinned(extra: str) -> set[str]:
    """`name==version` for everything that healthmgr with this extra needs, itself excepted."""
    names = set(closure(_PROJECT, frozenset({extra}), set())) - {_PROJECT}
    return {f"{name}=={distribution(name).version}" for name in names}


def main() -> None:
    """Write both files."""
    run, dev = pinned("embedded") | pinned("otel"), pinned("dev")
    _FOLDER.mkdir(exist_ok=True)
    head = "# Written by `make lock`: do not edit.\n"
    (_FOLDER / "run.lock").write_text(head + "\n".join([*sorted(run), *_ELSEWHERE]) + "\n", encoding="utf-8")
    (_FOLDER / "dev.lock").write_text(head + "\n".join(["-r run.lock", *sorted(dev - run)]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
