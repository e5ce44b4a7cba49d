"""What repairs, put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Engine

from healthmgr.domain.rails import RecoveryRules
from healthmgr.errors import PluginError
from healthmgr.registry import Registry
from healthmgr.services.deciding import Deciding
from healthmgr.services.forgetting import Forgetting
from healthmgr.services.recovering import Recovering
from healthmgr.services.rehearsing import Rehearsing
from healthmgr.services.repairing import Balancer, Repairing
from healthmgr.services.restraining import Restraining
from healthmgr.settings import Settings
from healthmgr.storage.reading_recovery import RecoveryReading
from healthmgr.storage.reading_runbooks import RunbookReading
from healthmgr.storage.recovering_rows import RecoveringRows
from healthmgr.storage.run_archive import RunArchiveRows
from healthmgr.storage.transactions import Transactions


@dataclass(frozen=True, slots=True)
class Recovery:
    """The use cases of runbooks that run."""

    recovering: Recovering
    deciding: Deciding
    restraining: Restraining
    reading: RecoveryReading
    rehearsing: Rehearsing
    runbooks: RunbookReading
    forgetting: Forgetting


def recovery_rules(settings: Settings) -> RecoveryRules:
    """What the settings say of recovery, in the words of the domain."""
    recovery = settings.advanced.recovery
    return RecoveryRules(
        is_automation_on=settings.auto_recovery,
        most_attempts=recovery.max_recovery_attempts,
        timeout=recovery.recovery_timeout,
        asks_for_critical=recovery.require_approval_for_critical,
    )


def build_recovery(
    settings: Settings,
    engine: Engine,
    registry: Registry,
    environ: Mapping[str, str],
    balancer: Balancer,
    worker: str,
) -> Recovery:
    """The parts over one database."""
    rules = recovery_rules(settings)

    def needs_address(kind: str) -> bool:
        try:
            return registry.channel(kind).needs_address
        except PluginError:
            return True

    rows = partial(RecoveringRows, needs_address=needs_address)
    reminding, by_hand = Transactions(engine, rows), Transactions(engine, partial(rows, will_remind=False))
    repairing = Repairing(registry, environ, balancer)
    recovering = Recovering(reminding, by_hand, repairing, rules, worker)
    return Recovery(
        recovering=recovering,
        deciding=Deciding(by_hand, rules),
        restraining=Restraining(by_hand),
        reading=RecoveryReading(engine),
        rehearsing=Rehearsing(by_hand, recovering, registry, environ, rules),
        runbooks=RunbookReading(engine),
        forgetting=Forgetting(RunArchiveRows(engine), settings.runs_retention),
    )
