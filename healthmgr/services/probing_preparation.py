"""From an order to what can be run: the check type, its validated configuration, and the secrets in it."""

from __future__ import annotations

import inspect
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from pydantic import BaseModel, ValidationError

from healthmgr.domain.result import ProbeOrder
from healthmgr.errors import ProbeError
from healthmgr.ports import CheckType
from healthmgr.secrets import read_variable, references, resolve

_SHORTEST_SECRET = 4  # characters; a shorter one would blank out ordinary words
_SECRETS_KEPT_FOR = 60.0  # seconds; a secret in a file may be rotated under a running worker


class CheckTypes(Protocol):
    """Where check types are found by kind."""

    def check_type(self, kind: str) -> CheckType:
        """The check type; raises PluginError when there is none that works."""
        ...


@dataclass(frozen=True, slots=True)
class Prepared:
    """A check that is ready to be probed. `secrets` are values that no message may show."""

    check_type: CheckType
    config: BaseModel = field(repr=False)
    is_blocking: bool
    secrets: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class _Kept:
    kind: str
    document: Mapping[str, Any]
    prepared: Prepared
    until: float | None


class Preparation:
    """Resolves and validates configurations, and remembers the latest one of each check."""

    def __init__(self, check_types: CheckTypes, environ: Mapping[str, str], capacity: int = 20_000) -> None:
        self._check_types = check_types
        self._environ = environ
        self._capacity = capacity
        self._kept: OrderedDict[UUID, _Kept] = OrderedDict()

    def prepare(self, order: ProbeOrder) -> Prepared:
        """Raises PluginError (SecretMissing, UnknownPlugin, ProbeError) saying why the check cannot be probed here."""
        kept = self._kept.get(order.check_id)
        if kept is not None and self._still_holds(kept, order):
            self._kept.move_to_end(order.check_id)
            return kept.prepared
        prepared, until = self._prepare(order)
        self._kept[order.check_id] = _Kept(order.kind, order.config, prepared, until)
        self._kept.move_to_end(order.check_id)
        if len(self._kept) > self._capacity:
            self._kept.popitem(last=False)
        return prepared

    def uses_network(self, order: ProbeOrder) -> bool:
        """Whether a failure of this check, once prepared, may be the fault of this worker's own network."""
        kept = self._kept.get(order.check_id)
        return kept is not None and kept.prepared.check_type.uses_network

    @staticmethod
    def _still_holds(kept: _Kept, order: ProbeOrder) -> bool:
        is_fresh = kept.until is None or time.monotonic() < kept.until
        return is_fresh and kept.kind == order.kind and kept.document == order.config

    def _prepare(self, order: ProbeOrder) -> tuple[Prepared, float | None]:
        check_type = self._check_types.check_type(order.kind)
        names = {name for name, _ in references(order.config)}
        try:
            config = check_type.Config.model_validate(resolve(order.config, self._environ))
        except ValidationError as error:
            raise ProbeError(f"the configuration of this check is not valid: {_faults(error, bool(names))}") from None
        secrets = tuple(value for name in names if len(value := self._value(name)) >= _SHORTEST_SECRET)
        is_blocking = not inspect.iscoroutinefunction(check_type.probe)
        until = time.monotonic() + _SECRETS_KEPT_FOR if names else None
        return Prepared(check_type, config, is_blocking, secrets), until

    def _value(self, name: str) -> str:
        return read_variable(name, self._environ) or ""


def _faults(error: ValidationError, has_secrets: bool) -> str:
    """Each field and its fault. A validator's own words may quote the value: left out where it may be secret."""
    return "; ".join(
        f"{'.'.join(str(part) for part in fault['loc']) or 'config'}: "
        + ("the value cannot be used" if has_secrets and fault["type"] == "value_error" else fault["msg"])
        for fault in error.errors(include_input=False, include_url=False, include_context=False)
    )
