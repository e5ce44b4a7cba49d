"""What an examination looks at, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from healthmgr.bootstrap import Healthmgr
from healthmgr.errors import Unavailable
from healthmgr.settings import Settings
from healthmgr.views import View


class Level(StrEnum):
    """How bad a finding is; only failed ones make the doctor's exit code 1."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


class Finding(View):
    """One thing that was looked at: what is, and what to do about it."""

    examination: str = ""
    level: Level
    message: str
    fix: str = ""

    def named(self, examination: str) -> Finding:
        """This finding under the name of its examination."""
        return self.model_copy(update={"examination": examination})


def well(message: str) -> Finding:
    """All is as it should be."""
    return Finding(level=Level.OK, message=message)


def warn(message: str, fix: str) -> Finding:
    """Something may become a problem."""
    return Finding(level=Level.WARNING, message=message, fix=fix)


def fail(message: str, fix: str) -> Finding:
    """Something is wrong."""
    return Finding(level=Level.FAILED, message=message, fix=fix)


def skip(message: str) -> Finding:
    """It could not be looked at, or there is nothing to look at."""
    return Finding(level=Level.SKIPPED, message=message)


@dataclass(frozen=True, slots=True)
class Installation:
    """What is examined. `opened` is None when its objects could not be built, for the reason given."""

    settings: Settings
    environ: Mapping[str, str]
    opened: Healthmgr | None = None
    why_not_opened: str = ""

    @property
    def healthmgr(self) -> Healthmgr:
        """The objects of bootstrap; raises Unavailable when they could not be built."""
        if self.opened is None:
            raise Unavailable(self.why_not_opened)
        return self.opened


class Ground(StrEnum):
    """What an examination stands on: without it there is nothing to look at."""

    DATABASE = "database"
    SCHEMA = "schema"


@dataclass(frozen=True, slots=True)
class Examination:
    """One examination. When one that `proves` a ground fails, those that need this ground are skipped."""

    name: str
    examine: Callable[[Installation], Iterable[Finding]]
    needs: Ground | None = None
    proves: Ground | None = None
