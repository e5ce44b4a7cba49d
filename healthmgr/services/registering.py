"""Checks that come from Python rather than from a file: they are judged and applied by the same rules."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import yaml

from healthmgr.custom import CustomCheck, load_module, to_document
from healthmgr.errors import DefinitionError, Problem
from healthmgr.services.defining import Applied, Defining


class Registering:
    """Applies checks written in Python, each module as a source of its own."""

    def __init__(self, defining: Defining) -> None:
        self._defining = defining

    def register_modules(self, names: Sequence[str], *, actor: str, origin: str, now: datetime) -> list[Applied]:
        """Import modules and make what is stored of each equal to what it defines.

        A module at fault keeps the others from nothing; raises DefinitionError with all faults at the end.
        """
        applied: list[Applied] = []
        problems: list[Problem] = []
        for name in names:
            try:
                checks = load_module(name)
                applied.append(self.register(f"module:{name}", checks, actor=actor, origin=origin, now=now))
            except DefinitionError as error:
                problems.extend(error.problems)
        if problems:
            raise DefinitionError(problems)
        return applied

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
