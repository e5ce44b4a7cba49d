"""The one place that knows everything: settings in, a working healthmgr out."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import Engine

from healthmgr.definitions.settling import Fallbacks
from healthmgr.domain.alerting import AlertingRules
from healthmgr.domain.links import LinkMaker
from healthmgr.errors import SettingsError
from healthmgr.registry import Registry
from healthmgr.services.admitting import Admitting
from healthmgr.services.answering import Answering
from healthmgr.services.defining import Defining
from healthmgr.services.escalating import Escalating
from healthmgr.services.evaluating import Evaluating
from healthmgr.services.eventing import Eventing
from healthmgr.services.executing import Executing
from healthmgr.services.notifying import Notifying
from healthmgr.services.pinging import Pinging
from healthmgr.services.previewing import Previewing
from healthmgr.services.pushing import Pushing
from healthmgr.services.registering import Registering
from healthmgr.services.responding import Responding
from healthmgr.services.routing import Routing
from healthmgr.services.scheduling import Scheduling
from healthmgr.services.tokens import Tokens
from healthmgr.services.upkeep import Upkeep
from healthmgr.settings import Settings, environment
from healthmgr.storage.admitting_rows import AdmittingRows
from healthmgr.storage.answering_rows import AnsweringRows
from healthmgr.storage.database import DatabaseClock, connect
from healthmgr.storage.definition_repository import DefinitionRepository
from healthmgr.storage.escalating_rows import EscalatingRows
from healthmgr.storage.evaluation_rows import EvaluationRows
from healthmgr.storage.event_repository import EventRepository
from healthmgr.storage.event_stream import RedisEventStream
from healthmgr.storage.executing_repository import ExecutingRepository
from healthmgr.storage.heartbeat_repository import HeartbeatRepository
from healthmgr.storage.notifying_rows import NotifyingRows, Sending
from healthmgr.storage.previewing_rows import PreviewingRows
from healthmgr.storage.reading import Reading
from healthmgr.storage.registering_rows import RegisteringRows
from healthmgr.storage.responding_rows import RespondingRows
from healthmgr.storage.routing_rows import RoutingRows
from healthmgr.storage.scheduling_repository import SchedulingRepository
from healthmgr.storage.token_repository import TokenRepository
from healthmgr.storage.transactions import Transactions
from healthmgr.storage.upkeep_repository import UpkeepRepository


@dataclass(frozen=True, slots=True)
class Healthmgr:
    """Every use case of one installation, ready to be called."""

    settings: Settings
    environ: Mapping[str, str]
    engine: Engine
    clock: DatabaseClock
    registry: Registry
    reading: Reading
    defining: Defining
    tokens: Tokens
    pinging: Pinging
    responding: Responding
    answering: Answering
    scheduling: Scheduling
    evaluating: Evaluating
    routing: Routing
    notifying: Notifying
    previewing: Previewing
    escalating: Escalating
    upkeep: Upkeep
    executing: Executing
    pushing: Pushing
    admitting: Admitting
    eventing: Eventing
    registering: Registering

    def now(self) -> datetime:
        """This instant by the database's clock."""
        return self.clock.now()

    def close(self) -> None:
        """Close the connections."""
        self.eventing.close()
        self.engine.dispose()


def build(settings: Settings, *, worker: str = "") -> Healthmgr:
    """Put an installation together; connects to nothing yet. `worker` names this process on the ledger.

    Raises SettingsError when no database is named.
    """
    if not settings.database_url:
        raise SettingsError("DATABASE_URL is not set: run `make run` here, or export it")
    worker = worker or f"{socket.gethostname()}:{os.getpid()}"
    engine = connect(settings.database_url, pool_size=10, application_name=f"healthmgr {worker}"[:63])
    registry = Registry.load()
    environ = environment(settings)
    upkeep = UpkeepRepository(engine)
    executing = ExecutingRepository(engine)
    evaluating = Evaluating(
        Transactions(
            engine, lambda connection: EvaluationRows(connection, settings.advanced.alerting.aggregation_window)
        )
    )
    rules = alerting_rules(settings)
    hearing = partial(registry.channel_kinds_that, "tells_acknowledgements")
    responding = Responding(Transactions(engine, lambda connection: RespondingRows(connection, hearing)))
    defining = Defining(DefinitionRepository(engine), registry, environ, _fallbacks(settings))
    sending = Sending(
        rules,
        LinkMaker(settings.public_url, settings.secret_key),
        lambda kind: registry.is_channel_that(kind, "is_exempt_from_digests"),
    )
    stream = RedisEventStream(settings.redis_url) if settings.redis_url else None
    return Healthmgr(
        settings=settings,
        environ=environ,
        engine=engine,
        clock=DatabaseClock(engine),
        registry=registry,
        reading=Reading(engine),
        defining=defining,
        tokens=Tokens(TokenRepository(engine)),
        pinging=Pinging(HeartbeatRepository(engine), settings.secret_key),
        responding=responding,
        scheduling=Scheduling(SchedulingRepository(engine)),
        evaluating=evaluating,
        answering=Answering(Transactions(engine, lambda connection: AnsweringRows(connection, hearing))),
        routing=Routing(Transactions(engine, lambda connection: RoutingRows(connection, rules)), rules),
        notifying=Notifying(
            Transactions(engine, lambda connection: NotifyingRows(connection, sending)),
            registry,
            environ,
            worker,
        ),
        previewing=Previewing(
            Transactions(engine, lambda connection: PreviewingRows(connection, _preview_links(settings))),
            registry,
            environ,
        ),
        escalating=Escalating(Transactions(engine, EscalatingRows), rules),
        upkeep=Upkeep(upkeep, upkeep, upkeep),
        executing=Executing(executing, responding),
        pushing=Pushing(executing, evaluating),
        admitting=Admitting(Transactions(engine, AdmittingRows)),
        eventing=Eventing(EventRepository(engine), stream),
        registering=Registering(defining, RegisteringRows(engine)),
    )


def _preview_links(settings: Settings) -> LinkMaker:
    """Links that look as real ones do, signed with a secret of this moment: nobody can answer with a preview."""
    return LinkMaker(settings.public_url, secrets.token_hex() if settings.secret_key else "")


def definition_validator(settings: Settings) -> Defining:
    """What validates a file without any database: names that only other sources define are warned of."""
    return Defining(None, Registry.load(), environment(settings), _fallbacks(settings))


def alerting_rules(settings: Settings) -> AlertingRules:
    """What the settings say of alerting, in the words of the domain."""
    alerting, escalation = settings.advanced.alerting, settings.advanced.escalation
    return AlertingRules(
        is_telling=alerting.enabled,
        group_interval=alerting.aggregation_window,
        reopens_within=alerting.deduplication_window,
        most_per_hour=alerting.max_alerts_per_hour,
        acknowledges_after=escalation.auto_acknowledge_after,
        resolves_after=escalation.auto_resolve_after,
    )


def _fallbacks(settings: Settings) -> Fallbacks:
    return Fallbacks(interval=settings.check_interval, timeout=settings.default_timeout)
