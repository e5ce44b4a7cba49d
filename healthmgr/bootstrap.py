"""The one place that knows everything: settings in, a working healthmgr out."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Engine

from healthmgr.bootstrap_insight import Insight, build_insight
from healthmgr.bootstrap_measuring import Measuring, build_measuring
from healthmgr.bootstrap_oncall import Oncall, build_oncall
from healthmgr.bootstrap_public import Public, build_public
from healthmgr.bootstrap_recovery import Recovery, build_recovery
from healthmgr.bootstrap_settings import alerting_rules, fallbacks, synthesis, wishes
from healthmgr.bootstrap_webhooks import Hooks, build_webhooks
from healthmgr.channels.rendering import render
from healthmgr.domain.links import LinkMaker
from healthmgr.errors import SettingsError
from healthmgr.registry import Registry
from healthmgr.services.admitting import Admitting
from healthmgr.services.answering import Answering
from healthmgr.services.answering_many import AnsweringMany
from healthmgr.services.balancing import Balancing
from healthmgr.services.commanding import Commanding
from healthmgr.services.coordinating import Coordinating
from healthmgr.services.defining import Defining
from healthmgr.services.escalating import Escalating
from healthmgr.services.evaluating import Evaluating
from healthmgr.services.eventing import Eventing
from healthmgr.services.executing import Executing
from healthmgr.services.maintaining import Maintaining
from healthmgr.services.notifying import Notifying
from healthmgr.services.pinging import Pinging
from healthmgr.services.previewing import Previewing
from healthmgr.services.promising import Promising
from healthmgr.services.pushing import Pushing
from healthmgr.services.registering import Registering
from healthmgr.services.repeating import Repeating
from healthmgr.services.reporting import Reporting
from healthmgr.services.responding import Responding
from healthmgr.services.routing import Routing
from healthmgr.services.scheduling import Scheduling
from healthmgr.services.sessions import Sessions
from healthmgr.services.silencing import Silencing
from healthmgr.services.simulating import Simulating
from healthmgr.services.synthesizing import Synthesizing
from healthmgr.services.tokens import Tokens
from healthmgr.services.upkeep import Upkeep
from healthmgr.services.users import Users
from healthmgr.settings import Settings, environment
from healthmgr.storage.admitting_rows import AdmittingRows
from healthmgr.storage.answering_many_rows import AnsweringManyRows
from healthmgr.storage.answering_rows import AnsweringRows
from healthmgr.storage.balancing_rows import BalancingRows
from healthmgr.storage.commanding_rows import CommandingRows
from healthmgr.storage.database import DatabaseClock, connect
from healthmgr.storage.day_tables import DayTables
from healthmgr.storage.definition_repository import DefinitionRepository
from healthmgr.storage.escalating_rows import EscalatingRows
from healthmgr.storage.evaluation_rows import EvaluationRows
from healthmgr.storage.event_repository import EventRepository
from healthmgr.storage.event_stream import RedisEventStream
from healthmgr.storage.executing_repository import ExecutingRepository
from healthmgr.storage.heartbeat_repository import HeartbeatRepository
from healthmgr.storage.maintaining_rows import MaintainingRows
from healthmgr.storage.notifying_rows import NotifyingRows, Sending
from healthmgr.storage.previewing_rows import PreviewingRows
from healthmgr.storage.promising_rows import PromisingRows
from healthmgr.storage.reading import Reading
from healthmgr.storage.reading_audit import AuditReading
from healthmgr.storage.reading_board import BoardReading
from healthmgr.storage.reading_doors import DoorReading
from healthmgr.storage.reading_events import EventReading
from healthmgr.storage.registering_rows import RegisteringRows
from healthmgr.storage.repeating_repository import RepeatingRepository
from healthmgr.storage.reporting_rows import ReportingRows
from healthmgr.storage.responding_rows import RespondingRows
from healthmgr.storage.routing_rows import RoutingRows
from healthmgr.storage.scheduling_repository import SchedulingRepository
from healthmgr.storage.session_repository import SessionRepository
from healthmgr.storage.silencing_rows import SilencingRows
from healthmgr.storage.simulating_rows import looking
from healthmgr.storage.synthetic_rows import SyntheticRows
from healthmgr.storage.token_repository import TokenRepository
from healthmgr.storage.transactions import Transactions
from healthmgr.storage.upkeep_repository import UpkeepRepository
from healthmgr.storage.user_repository import UserRepository


@dataclass(frozen=True, slots=True)
class Healthmgr:
    """Every use case of one installation, ready to be called."""

    settings: Settings
    environ: Mapping[str, str]
    engine: Engine
    clock: DatabaseClock
    registry: Registry
    reading: Reading
    board: BoardReading
    audit: AuditReading
    defining: Defining
    tokens: Tokens
    repeating: Repeating
    sessions: Sessions
    users: Users
    pinging: Pinging
    responding: Responding
    answering: Answering
    answering_many: AnsweringMany
    commanding: Commanding
    coordinating: Coordinating
    simulating: Simulating
    reporting: Reporting
    silencing: Silencing
    maintaining: Maintaining
    scheduling: Scheduling
    evaluating: Evaluating
    routing: Routing
    notifying: Notifying
    previewing: Previewing
    escalating: Escalating
    upkeep: Upkeep
    measuring: Measuring
    public: Public
    insight: Insight
    synthesizing: Synthesizing
    executing: Executing
    pushing: Pushing
    admitting: Admitting
    door_reading: DoorReading
    balancing: Balancing
    promising: Promising
    eventing: Eventing
    event_reading: EventReading
    webhooks: Hooks
    registering: Registering
    oncall: Oncall
    recovery: Recovery

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
    builder = _Builder(settings, worker or f"{socket.gethostname()}:{os.getpid()}")
    return Healthmgr(**builder.base(), **builder.checking(), **builder.alerting(), **builder.answering())


class _Builder:
    """What the parts of an installation have in common, and the parts by their names in `Healthmgr`."""

    def __init__(self, settings: Settings, worker: str) -> None:
        self._settings = settings
        self._worker = worker
        self._engine = connect(settings.database_url, pool_size=10, application_name=f"healthmgr {worker}"[:63])
        self._registry = Registry.load()
        self._environ = environment(settings)
        self._rules = alerting_rules(settings)
        self._hearing = partial(self._registry.channel_kinds_that, "tells_acknowledgements")
        self._executing = ExecutingRepository(self._engine)
        self._admitting = Admitting(Transactions(self._engine, AdmittingRows))

    def base(self) -> dict[str, Any]:
        """What everything stands on, and the definitions."""
        settings, engine = self._settings, self._engine
        store = DefinitionRepository(engine)
        defining = Defining(store, self._registry, self._environ, fallbacks(settings), wishes(settings))
        upkeep = UpkeepRepository(engine)
        stream = RedisEventStream(settings.redis_url) if settings.redis_url else None
        tokens = Tokens(TokenRepository(engine))
        return {
            "settings": settings,
            "environ": self._environ,
            "engine": engine,
            "clock": DatabaseClock(engine),
            "registry": self._registry,
            "reading": Reading(engine),
            "board": BoardReading(engine),
            "audit": AuditReading(engine),
            "defining": defining,
            "registering": Registering(defining, RegisteringRows(engine)),
            "tokens": tokens,
            "repeating": Repeating(RepeatingRepository(engine)),
            "users": (users := Users(UserRepository(engine))),
            "sessions": Sessions(SessionRepository(engine), tokens, users),
            "upkeep": Upkeep(upkeep, DayTables(engine, "results", "started_at"), upkeep),
            "measuring": (measuring := build_measuring(engine, settings, self._admitting)),
            "public": build_public(engine, measuring.series),
            "insight": build_insight(engine, settings, measuring.series, self._admitting),
            "eventing": Eventing(EventRepository(engine), stream),
            "event_reading": EventReading(engine),
            "webhooks": build_webhooks(engine, settings.secret_key),
        }

    def checking(self) -> dict[str, Any]:
        """From due checks to alerts."""
        engine, interval = self._engine, self._settings.advanced.alerting.aggregation_window
        evaluating = Evaluating(Transactions(engine, lambda connection: EvaluationRows(connection, interval)))
        return {
            "pinging": Pinging(HeartbeatRepository(engine), self._settings.secret_key),
            "scheduling": Scheduling(SchedulingRepository(engine)),
            "evaluating": evaluating,
            "pushing": Pushing(self._executing, evaluating),
            "admitting": self._admitting,
            "door_reading": DoorReading(engine),
            "balancing": (balancing := Balancing(Transactions(engine, BalancingRows), self._settings.degraded_weight)),
            "recovery": build_recovery(self._settings, engine, self._registry, self._environ, balancing, self._worker),
        }

    def alerting(self) -> dict[str, Any]:
        """From alerts to people."""
        settings, engine, rules = self._settings, self._engine, self._rules
        sending = Sending(
            rules,
            LinkMaker(settings.public_url, settings.secret_key),
            lambda kind: self._registry.is_channel_that(kind, "is_exempt_from_digests"),
        )
        notifying = Transactions(engine, lambda connection: NotifyingRows(connection, sending))
        previewing = Transactions(engine, lambda connection: PreviewingRows(connection, _preview_links(settings)))
        synthetic = Transactions(engine, SyntheticRows)
        previewer = Previewing(previewing, self._registry, self._environ, render)
        return {
            "routing": Routing(Transactions(engine, lambda connection: RoutingRows(connection, rules)), rules),
            "notifying": Notifying(notifying, self._registry, self._environ, self._worker),
            "previewing": previewer,
            "oncall": build_oncall(engine, settings.secret_key, self._environ, self._admitting, previewer),
            "escalating": Escalating(Transactions(engine, EscalatingRows), rules),
            "synthesizing": Synthesizing(synthetic, synthesis(settings), is_telling=rules.is_telling),
        }

    def answering(self) -> dict[str, Any]:
        """What people do."""
        engine, hearing = self._engine, self._hearing
        responding = Responding(Transactions(engine, lambda connection: RespondingRows(connection, hearing)))
        return {
            "responding": responding,
            "answering": Answering(Transactions(engine, lambda connection: AnsweringRows(connection, hearing))),
            "answering_many": AnsweringMany(
                Transactions(engine, lambda connection: AnsweringManyRows(connection, hearing))
            ),
            "commanding": Commanding(Transactions(engine, CommandingRows)),
            "coordinating": Coordinating(Transactions(engine, CommandingRows)),
            "simulating": Simulating(partial(looking, engine), self._rules),
            "executing": Executing(self._executing, responding),
            "reporting": Reporting(Transactions(engine, ReportingRows), self._environ),
            "silencing": Silencing(Transactions(engine, SilencingRows)),
            "maintaining": Maintaining(Transactions(engine, MaintainingRows)),
            "promising": Promising(Transactions(engine, PromisingRows), self._admitting),
        }


def _preview_links(settings: Settings) -> LinkMaker:
    """Links that look as real ones do, signed with a secret of this moment: nobody can answer with a preview."""
    return LinkMaker(settings.public_url, secrets.token_hex() if settings.secret_key else "")


def definition_validator(settings: Settings) -> Defining:
    """What validates a file without any database: names that only other sources define are warned of."""
    return Defining(None, Registry.load(), environment(settings), fallbacks(settings), wishes(settings))
