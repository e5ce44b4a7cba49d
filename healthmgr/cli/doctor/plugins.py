"""The plugins: does every running worker know the kinds that are installed here, and those that are in use?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import Table, select

from healthmgr.cli.doctor.finding import Finding, Installation, fail, skip, warn, well
from healthmgr.domain.phrasing import listing
from healthmgr.registry import Registry
from healthmgr.storage.tables import channels, checks
from healthmgr.views import PartView

_NAMED = 5
_WORKER = "worker "
# Which queue's workers use a sort of plugin, and whose definitions name it.
_USERS: Mapping[str, tuple[str, Table]] = {"checks": ("checks", checks), "channels": ("notifications", channels)}


def examine_plugins(installation: Installation) -> Iterator[Finding]:
    """Whether workers know the kinds of checks and channels: they look for packages when they start, and only then."""
    healthmgr = installation.healthmgr
    parts = healthmgr.reading.health(healthmgr.clock.now()).parts
    workers = [part for part in parts if part.name.startswith(_WORKER) and part.is_well and "kinds" in part.detail]
    if not workers:
        yield skip("no running worker says which kinds it knows")
        return
    registry = Registry.load()
    installed = {"checks": registry.check_kinds(), "channels": registry.channel_kinds()}
    findings = [
        finding
        for sort, (queue, table) in _USERS.items()
        for worker in workers
        if queue in worker.detail.get("queues", ())
        for finding in _worker(worker, sort, installed[sort], _used(installation, table))
    ]
    yield from findings or [well("the running workers know every kind that is installed here or in use")]


def _used(installation: Installation, table: Table) -> set[str]:
    with installation.healthmgr.engine.connect() as connection:
        return set(connection.execute(select(table.c.kind).where(table.c.is_enabled).distinct()).scalars())


def _worker(worker: PartView, sort: str, installed: Sequence[str], used: set[str]) -> Iterator[Finding]:
    known = set(worker.detail["kinds"].get(sort, ()))
    lacking = sorted(used - known)
    if lacking:
        yield fail(
            f"{worker.name} does not know the kind {listing(lacking, _NAMED)}, which {sort} in force are of",
            "install its package where that worker runs, and start the worker again",
        )
    unseen = sorted(set(installed) - known - used)
    if unseen:
        yield warn(
            f"{worker.name} does not know the kind {listing(unseen, _NAMED)}, which is installed here",
            "start that worker again, where the package is installed, before definitions use it",
        )
