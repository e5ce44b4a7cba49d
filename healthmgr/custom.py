"""Checks written in Python: a function of yours, with what a definition would say of it written above it.

@health_check(id="queue-depth", service="Orders", interval="30s", thresholds={"critical": {"depth": 500}})
def queue_depth():
    return {"status": HealthStatus.HEALTHY, "message": "working", "metrics": {"depth": count_orders()}}
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from types import ModuleType
from typing import Any, TypeVar

from healthmgr.domain.check import Status
from healthmgr.domain.quantity import format_duration
from healthmgr.errors import DefinitionError, Problem
from healthmgr.packaged import offered

HealthStatus = Status

MODULES = "HEALTHMGR_MODULES"
GROUP = "healthmgr.modules"
_MARK = "__health_check__"
_MILLISECONDS = frozenset({"response_time"})

Length = timedelta | str | int | float
Limits = Mapping[str, Mapping[str, str | int | float]]
Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class CustomCheck:
    """A function as a check: its slug, where workers find it, and its entry as a definitions file would have it."""

    slug: str
    function: str
    entry: Mapping[str, Any] = field(default_factory=dict)


def health_check(
    *,
    id: str,  # noqa: A002 - the name that is known for it
    name: str = "",
    description: str = "",
    service: str = "",
    category: str = "",
    interval: Length | None = None,
    timeout: Length | None = None,
    retries: int | None = None,
    enabled: bool = True,
    dependencies: Sequence[str] = (),
    thresholds: Limits | None = None,
    recovery_procedure: str = "",
    **more: Any,
) -> Callable[[Function], Function]:
    """Make a function a check; plain and async ones alike. The function itself stays what it is.

    Bare numbers of `interval`, `timeout` and a threshold on `response_time` are milliseconds. `more` holds
    whatever else a check of a definitions file may say: `severity`, `labels`, `runbook`, `max_attempts` ...
    Raises DefinitionError when the function cannot be imported by workers, or a length is none.
    """
    given = {
        "name": name,
        "description": description,
        "service": service,
        "category": category,
        "interval": interval,
        "timeout": timeout,
        "retries": retries,
        "enabled": enabled,
        "depends_on": list(dependencies),
        "thresholds": thresholds,
        "recovery_procedure": recovery_procedure,
        **more,
    }

    def mark(function: Function) -> Function:
        setattr(function, _MARK, custom_check(id, function, given))
        return function

    return mark


def custom_check(slug: str, function: Callable[..., Any] | None, given: Mapping[str, Any]) -> CustomCheck:
    """A function as a check, or without one what `given` says of `kind` and `config`.

    Raises DefinitionError when workers could not import the function.
    """
    entry: dict[str, Any] = {key: value for key, value in given.items() if value not in (None, "", [], {})}
    for key in ("interval", "timeout", "retry_interval"):
        if key in entry:
            entry[key] = _length(slug, key, entry[key])
    if "thresholds" in entry:
        entry["thresholds"] = {level: _limits(limits) for level, limits in entry["thresholds"].items()}
    if function is None:
        return CustomCheck(slug, "", entry)
    path = function_path(slug, function)
    return CustomCheck(slug, path, {"kind": "python", "config": {"function": path}, **entry})


def function_path(slug: str, function: Callable[..., Any]) -> str:
    """Where workers find a function, as "package.module:name". Raises DefinitionError for one that they cannot."""
    name = getattr(function, "__qualname__", "")
    module = getattr(function, "__module__", "")
    if not inspect.isroutine(function) or not name or "<" in name:
        raise _fault(slug, "check_function", "should be a function at the top of a module, which workers can import")
    if module == "__main__":
        raise _fault(slug, "check_function", "is in the script itself: move it to a module that workers can import")
    return f"{module}:{name}"


def checks_of(module: ModuleType) -> list[CustomCheck]:
    """The checks that a module defines itself; what it imports from another is that one's."""
    found = (getattr(value, _MARK, None) for value in vars(module).values() if inspect.isroutine(value))
    own = [check for check in found if isinstance(check, CustomCheck)]
    return [check for check in own if check.function.startswith(f"{module.__name__}:")]


def module_names(configured: Iterable[str]) -> list[str]:
    """The modules to import: those named, then those of installed packages; each once."""
    return list(dict.fromkeys([*configured, *sorted(point.value for point in offered(GROUP))]))


def load_module(name: str) -> list[CustomCheck]:
    """Import a module; the checks in it. Raises DefinitionError saying why it cannot be imported."""
    try:
        module = importlib.import_module(name)
    except Exception as error:
        why = f"cannot be imported: {type(error).__name__}: {error}"
        raise DefinitionError([Problem(why, file=f"module {name}", path=MODULES)]) from error
    return checks_of(module)


def to_document(checks: Iterable[CustomCheck]) -> dict[str, Any]:
    """Checks as a definitions file would have them. Raises DefinitionError when two have one slug."""
    entries: dict[str, Any] = {}
    for check in checks:
        if check.slug in entries:
            raise _fault(check.slug, "id", f"is given twice: {check.function} needs another")
        entries[check.slug] = dict(check.entry)
    return {"version": 1, "checks": entries}


def _length(slug: str, key: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, timedelta | str | int | float):
        raise _fault(slug, key, f"should be milliseconds or a text such as 30s, found {value!r}")
    if isinstance(value, str):
        return value
    try:
        return format_duration(value if isinstance(value, timedelta) else timedelta(milliseconds=value))
    except (OverflowError, ValueError) as error:
        raise _fault(slug, key, f"is no length: {error}") from error


def _limits(limits: Mapping[str, Any]) -> dict[str, str]:
    """Limits as a definitions file has them; "responseTime" is response_time, and so on."""
    found = {}
    for metric, limit in limits.items():
        plain = re.sub(r"(?<=[a-z0-9])[A-Z]", lambda match: "_" + match[0].lower(), metric)
        is_number = isinstance(limit, int | float) and not isinstance(limit, bool)
        unit = "ms" if is_number and plain in _MILLISECONDS else ""
        found[plain] = f"> {limit}{unit}" if is_number else str(limit)
    return found


def _fault(slug: str, path: str, message: str) -> DefinitionError:
    return DefinitionError([Problem(message, path=f"checks.{slug}.{path}")])
