"""Every exception that healthmgr raises on purpose.

HealthmgrError
├── DefinitionError     the user's document is wrong; nothing was changed       (422)
├── SettingsError       the environment is wrong; names the variable and the fix
├── NotFound            no such thing                                          (404)
├── Conflict            an illegal move, such as resolving a resolved alert     (409)
├── Stale               what is to be changed is not as it was seen             (412)
├── NotPermitted        the token's role does not allow it                     (403)
├── Unavailable         a part that is needed does not answer                  (503)
└── PluginError
    ├── UnknownPlugin   no plugin of that kind is installed
    ├── SecretMissing   a ${VAR} of a definition is not set where it is needed
    ├── ProbeError      the probe could not run: becomes an *unknown* result
    ├── ChannelError    the message was not accepted; says whether trying again could help
    └── StepError       a step of a runbook failed; says whether trying again could help
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta


class HealthmgrError(Exception):
    """Something went wrong in healthmgr."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip())


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a document, with the place and what was expected."""

    message: str
    path: str = ""
    line: int | None = None
    file: str = ""

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line) if part not in ("", None))
        return ": ".join(part for part in (place, self.path, self.message) if part)


class DefinitionError(HealthmgrError):
    """The definitions are not valid; nothing was changed."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class SettingsError(HealthmgrError):
    """An environment variable has a value that cannot be used."""


class NotFound(HealthmgrError):
    """There is no such thing."""


class Conflict(HealthmgrError):
    """This move is not possible in the present state."""


class Stale(HealthmgrError):
    """This was changed since it was read: read it again."""


class NotPermitted(HealthmgrError):
    """This token's role does not allow it."""


class Unavailable(HealthmgrError):
    """A part that is needed does not answer."""


class PluginError(HealthmgrError):
    """A plugin failed."""


class UnknownPlugin(PluginError):
    """No plugin of this kind is installed."""


class SecretMissing(PluginError):
    """A secret that a definition names is not set here."""


class ProbeError(PluginError):
    """The probe could not run, so nothing is known about its target."""


class ChannelError(PluginError):
    """The channel did not accept the message.

    `permanent` says that trying again cannot help (a refused address, a 4xx); `retry_after` is the
    provider's own wish; `is_ambiguous` that the message may have been accepted all the same.
    """

    def __init__(
        self,
        message: str,
        *,
        permanent: bool = False,
        retry_after: timedelta | None = None,
        is_ambiguous: bool = False,
    ) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.retry_after = retry_after
        self.is_ambiguous = is_ambiguous


class StepError(PluginError):
    """A step of a runbook failed.

    `permanent` says that trying again cannot help (a program that is not allowed, a 4xx); `is_timeout` that it was
    stopped at its deadline, so that what it did by then is unknown; `output` is what the target said.
    """

    def __init__(self, message: str, *, permanent: bool = False, is_timeout: bool = False, output: str = "") -> None:
        super().__init__(message)
        self.permanent = permanent
        self.is_timeout = is_timeout
        self.output = output
