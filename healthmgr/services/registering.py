"""Checks that come from Python rather than from a file: they are judged and applied by the same rules."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import yaml

from healthmgr.custom import CustomCheck, load_module, to_document
from healthmgr.errors import DefinitionError, Problem
from healthmgr.services.defining import Defining
from healthmgr.services.defining_ports import Applied

_MODULE = "module:"
_RETIREMENT = "retirement"  # the origin on the audit log

# A module is given up when no worker has listed it for so long. Workers that are replaced one by one, or a host
# that restarts, are back by then; and whoever takes a module out of the settings waits no longer than a coffee.
UNLISTED_FOR = timedelta(minutes=10)
_ALIVE_FOR = timedelta(seconds=30)  # a worker tells every 10 s


@dataclass(frozen=True, slots=True)
class Listing:
    """What a worker that runs checks said: when last, since when it has run, and the modules that it was told of.

    `since` and `modules` are None for a worker of an older version, which does not tell.
    """

    at: datetime
    since: datetime | None
    modules: frozenset[str] | None


def unlisted(sources: Iterable[str], listings: Sequence[Listing], now: datetime) -> list[str]:
    """The sources whose modules nobody lists any more, for certain.

    No worker that was heard of within the last ten minutes may have listed the module, or be one that does not
    tell; and one has to be alive that has run for as long without it. That second condition keeps everything
    when a fleet begins after a long rest: the first worker up may well be the one that was told of less.
    """
    recent = [listing for listing in listings if listing.at > now - UNLISTED_FOR]
    witnesses = [w for w in recent if w.since is not None and w.since <= now - UNLISTED_FOR and w.at > now - _ALIVE_FOR]
    if not witnesses or any(listing.modules is None for listing in recent):
        return []
    listed = frozenset[str]().union(*(listing.modules or () for listing in recent))
    return [source for source in sources if source.removeprefix(_MODULE) not in listed]


class ModuleRows(Protocol):
    """What is stored of modules and of the workers that list them."""

    def listings(self, after: datetime) -> Sequence[Listing]:
        """What each worker that runs checks last said, if it has been heard of after this instant."""
        ...

    def sources(self, prefix: str) -> Sequence[str]:
        """The sources that begin so and have a check that is enabled."""
        ...

    def changed_at(self, sources: Sequence[str], origin: str) -> Mapping[str, datetime]:
        """When each of these sources was last applied by this origin, for those that ever were."""
        ...


class Registering:
    """Applies checks written in Python, each module as a source of its own."""

    def __init__(self, defining: Defining, rows: ModuleRows) -> None:
        self._defining = defining
        self._rows = rows

    def register_modules(self, names: Sequence[str], *, actor: str, origin: str, now: datetime) -> list[Applied]:
        """Import modules and make what is stored of each equal to what it defines.

        A module at fault keeps the others from nothing; raises DefinitionError with all faults at the end.
        """
        applied: list[Applied] = []
        problems: list[Problem] = []
        for name in names:
            try:
                checks = load_module(name)
                applied.append(self.register(f"{_MODULE}{name}", checks, actor=actor, origin=origin, now=now))
            except DefinitionError as error:
                problems.extend(error.problems)
        if problems:
            raise DefinitionError(problems)
        return applied

    def retired_at(self, names: Sequence[str]) -> Mapping[str, datetime]:
        """When each of these modules was last given up, by its source, for those that ever were."""
        return self._rows.changed_at([f"{_MODULE}{name}" for name in names], _RETIREMENT)

    def retire_unlisted(self, *, actor: str, now: datetime) -> list[Applied]:
        """Disable the checks of modules that no worker lists any more; their history is kept.

        A worker that lists one all the same, back from wherever it was, finds that by `retired_at` and registers
        it again. Raises DefinitionError when what is left cannot do without them.
        """
        sources = self._rows.sources(_MODULE)
        if not sources:
            return []
        gone = unlisted(sources, self._rows.listings(now - UNLISTED_FOR), now)
        return [self.register(source, (), actor=actor, origin=_RETIREMENT, now=now) for source in gone]

    def register(
        self, source: str, checks: Iterable[CustomCheck], *, actor: str, origin: str, now: datetime
    ) -> Applied:
        """Make what is stored of a source equal to these checks; none of them disables all that it had.

        Raises DefinitionError, and has then changed nothing, when anything is wrong with them.
        """
        document = to_document(checks)
        with tempfile.TemporaryDirectory(prefix="healthmgr-") as folder:
            path = Path(folder) / "checks.yaml"
            path.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
            try:
                return self._defining.apply(path, actor=actor, origin=origin, now=now, source=source)
            except DefinitionError as error:
                where = source.replace(":", " ", 1)
                raise DefinitionError([replace(p, file=where, line=None) for p in error.problems]) from None
