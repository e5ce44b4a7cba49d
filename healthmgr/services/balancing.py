"""Which instances of a service are given work: what balancers are told, and what people and runbooks want of it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from datetime import datetime

import structlog

from healthmgr.domain.balancing import Instance, Key, Seen, Wanted, Wish, decide, is_last
from healthmgr.errors import Conflict, DefinitionError, NotFound, Problem
from healthmgr.services.balancing_ports import BalancingStore

log = structlog.get_logger(__name__)


class Balancing:
    """The instances of one installation; `degraded_weight` is the percentage of work for one that is degraded."""

    def __init__(self, store: BalancingStore, degraded_weight: int) -> None:
        self._store = store
        self._degraded_weight = degraded_weight

    def view(self, now: datetime, service: str | None = None) -> Mapping[Key, Seen]:
        """All instances, or those of one service, in the order of their names."""
        with self._store.begin() as transaction:
            return self._judged(transaction.instances(service), now)

    def set_wanted(
        self,
        service: str,
        instance: str,
        wanted: Wanted | str,
        by: str,
        now: datetime,
        *,
        origin: str = "runbook",
        reason: str = "",
        until: datetime | None = None,
        may_be_last: bool = False,
    ) -> Seen:
        """Have an instance drained, until then at the latest where that is said, or enabled; how it is afterwards.

        Raises NotFound where no check watches it, and Conflict when draining it would leave its service without any
        instance, unless it `may_be_last`. Two at once cannot drain the last two: the second is refused.
        """
        key, wanted = Key(service, instance), Wanted(wanted)
        if until is not None and (wanted is Wanted.ENABLED or until <= now):
            said = "only draining ends by itself" if wanted is Wanted.ENABLED else "it lies in the past"
            raise DefinitionError([Problem(said, path="until")])
        with self._store.begin() as transaction:
            transaction.hold(service)
            before = self._judged(transaction.instances(service), now)
            if key not in before:
                raise NotFound(_unknown(key, before))
            if wanted is Wanted.DRAINED and not may_be_last and is_last(key, {k: s.answer for k, s in before.items()}):
                raise Conflict(f"{key} is the last instance in service of {service}: draining it would leave none.")
            wish = Wish(wanted, by, now, until, reason)
            transaction.store(key, wish)
            detail = {"reason": reason, "until": until.isoformat() if until else None, "may_be_last": may_be_last}
            transaction.audit(by, origin, f"balancing.{wanted}", str(key), detail, now)
            after = self._judged([Instance(key, before[key].instance.beliefs, wish)], now)[key]
        log.info("instance_wanted", instance=str(key), wanted=wanted.value, actor=by)
        return after

    def _judged(self, instances: Iterable[Instance], now: datetime) -> Mapping[Key, Seen]:
        return {one.key: Seen(one, decide(one, now, self._degraded_weight)) for one in instances}


def _unknown(key: Key, known: Mapping[Key, Seen]) -> str:
    """Which instances there are, the nearest name first."""
    names = [str(one) for one in known]
    if not names:
        return f"No check has the service {key.service!r}: write `service: {key.service}` into those of its instances."
    near = difflib.get_close_matches(str(key), names, 1)
    return f"No check watches {key}: " + (f"did you mean {near[0]}?" if near else f"there are {', '.join(names[:10])}.")
