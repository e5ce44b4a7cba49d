"""healthmgr itself: what works and what waits, what it was told, and what it can be told."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel

from healthmgr.api.parts import Parts, PartsDep
from healthmgr.api.security import Admin, Viewer
from healthmgr.definitions.schema import definitions_schema, installed_models
from healthmgr.views import PartView, StatisticsView, View
from healthmgr.views_kinds import KindView, kind_views, kinds_named
from healthmgr.views_settings import effective

router = APIRouter()


class QueueView(View):
    """A queue: how many messages wait in it, and how long ago (seconds) one came out of it, by which worker."""

    name: str
    is_well: bool
    depth: int | None
    age: float | None
    consumed_by: str
    message: str


class QueueList(BaseModel):
    """The queues, and how long (seconds) the oldest work that is due waits: of checks, of messages, of rollups."""

    items: list[QueueView]
    schedule_lag: float
    notification_lag: float
    rollup_lag: float | None


class WorkerView(View):
    """A worker: what it consumes since when, and how old (seconds) its last sign of life is."""

    name: str
    is_well: bool
    age: float | None
    queues: list[str]
    since: str
    message: str


class WorkerList(BaseModel):
    """Workers by name, and beat, sweep and auditor; `flower_url` is "" where Flower is not said to be anywhere."""

    items: list[WorkerView]
    others: list[PartView]
    flower_url: str


class SettingView(View):
    """A setting as it holds, and where its value came from; secrets are masked."""

    name: str
    value: str | int | bool
    source: str


class SettingList(BaseModel):
    """Every setting: variables first, then keys that have none."""

    items: list[SettingView]


class KindList(BaseModel):
    """Kinds of checks, channels and steps."""

    items: list[KindView]


@router.get("/queues", summary="List the queues", tags=["status"])
def list_queues(parts: PartsDep, _: Viewer) -> QueueList:
    """How much waits, how long, and whether something consumes it."""
    now = parts.clock.now()
    numbers = parts.reading.numbers(now)
    return QueueList(
        items=[
            QueueView(
                name=name, is_well=part.is_well, depth=part.detail.get("depth"), age=part.age,
                consumed_by=part.detail.get("by", ""), message=part.message,
            )
            for name, part in _named(parts, "queue")
        ],
        schedule_lag=numbers.schedule_lag,
        notification_lag=numbers.notification_lag,
        rollup_lag=numbers.rollup_lag,
    )  # fmt: skip


@router.get("/workers", summary="List the workers", tags=["status"])
def list_workers(parts: PartsDep, _: Viewer) -> WorkerList:
    """Also those that went silent within an hour, with what to do about it."""
    found = parts.reading.health(parts.clock.now()).parts
    return WorkerList(
        items=[
            WorkerView(
                name=name, is_well=part.is_well, age=part.age, queues=part.detail.get("queues", []),
                since=part.detail.get("since", ""), message=part.message,
            )
            for name, part in _named(parts, "worker")
        ],
        others=[part for part in found if part.name in ("beat", "sweep", "auditor")],
        flower_url=parts.settings.flower_url,
    )  # fmt: skip


@router.get("/statistics", summary="The numbers of a dashboard", tags=["status"])
def read_statistics(parts: PartsDep, _: Viewer) -> StatisticsView:
    """Of checks by their latest results, of alerts, and of notifications. Lengths are milliseconds here."""
    return parts.reading.statistics(parts.clock.now())


@router.get("/settings", summary="List the settings", tags=["settings"])
def list_settings(parts: PartsDep, _: Admin) -> SettingList:
    """As they hold for the process that answers, each with where its value came from. Secrets are not shown."""
    found = effective(parts.settings)
    return SettingList(items=[SettingView(name=one.name, value=one.value, source=one.source) for one in found])


@router.get("/kinds", summary="List the kinds that are installed", tags=["settings"])
def list_kinds(parts: PartsDep, _: Viewer) -> KindList:
    """Checks, channels and steps, each with what its `config` takes."""
    return KindList(items=kind_views(parts.registry))


@router.get("/kinds/{kind}", summary="Show what a kind can be told", tags=["settings"])
def show_kind(kind: Annotated[str, Path(examples=["http"])], parts: PartsDep, _: Viewer) -> KindList:
    """A check, a channel and a step may share a name."""
    return KindList(items=kinds_named(kind, parts.registry))


@router.get("/definitions/schema", summary="The JSON Schema of definitions", tags=["settings"])
def show_definitions_schema(parts: PartsDep, _: Viewer) -> dict[str, Any]:
    """For editors: with the settings of every installed plugin. Definitions themselves are applied where files are."""
    registry = parts.registry
    return definitions_schema(
        installed_models(registry.check_kinds(), registry.check_type),
        installed_models(registry.channel_kinds(), registry.channel),
        installed_models(registry.step_kinds(), registry.step_type),
    )


def _named(parts: Parts, kind: str) -> list[tuple[str, PartView]]:
    """The parts of a kind, each by its own name."""
    found = (part for part in parts.reading.health(parts.clock.now()).parts if part.name.startswith(f"{kind} "))
    return [(part.name.partition(" ")[2], part) for part in found]
