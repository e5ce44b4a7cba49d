"""The whole of healthmgr as one object, for programs that run beside it: `HealthManager.get_instance()`.

Everything is a row, so it works from any process that reaches PostgreSQL, and Redis for events: the fleet's
beats and workers do the work, whichever process asked for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from healthmgr.bootstrap import Healthmgr, build
from healthmgr.custom import CustomCheck, custom_check, module_names
from healthmgr.errors import Conflict, DefinitionError, NotFound, Problem, SettingsError, Unavailable
from healthmgr.events import BEGINNING, Callback, Event, EventReader, Listener, check_name, follow
from healthmgr.manager_views import ManagedAlert, SystemHealth, managed_alert, system_health
from healthmgr.settings import Settings
from healthmgr.storage.database import schema_revisions
from healthmgr.telemetry import configure_as_guest
from healthmgr.views import CheckView, ResultView, StatisticsView

ORIGIN = "python"
_PAGE = 500
# What `register_health_check` was always given, in either spelling.
_GIVEN = {
    "checkFunction": "check_function",
    "recoveryProcedure": "recovery_procedure",
    "dependencies": "depends_on",
}


class HealthManager:
    """Looks at checks and alerts, acts on them, adds checks, and tells what happens.

    `actor` is the name that its actions have on the audit log, where a method is not told another.
    """

    _instance: HealthManager | None = None
    _instance_lock = threading.Lock()

    def __init__(self, settings: Settings, actor: str = "health-manager") -> None:
        configure_as_guest()
        self._settings = settings
        self._actor = actor
        self._healthmgr: Healthmgr = build(settings, worker=actor)
        self._listener: Listener | None = None
        self._lock = threading.Lock()

    @classmethod
    def get_instance(cls, config: Settings | Mapping[str, Any] | None = None) -> HealthManager:
        """The one of this process, made when it is first asked for.

        `config` is a Settings, or advanced keys ("globalCheckInterval", "alerting" ...) over those of the
        environment. Raises SettingsError for a key or value that cannot be used, and Conflict when there is
        an instance with another configuration: `close` that one first.
        """
        with cls._instance_lock:
            present = cls._instance
            settings = config if isinstance(config, Settings) else Settings.load(config=config)
            if present is None:
                present = cls._instance = cls(settings)
            elif config is not None and settings != present._settings:
                raise Conflict("There is a HealthManager with another configuration in this process: close() it first")
            return present

    def initialize(self) -> HealthManager:
        """See that the database is there and of this version, and register the modules with checks.

        Safe to call again, and in any number of processes. Raises Unavailable, DefinitionError.
        """
        present, wanted = schema_revisions(self._healthmgr.engine)
        if present != wanted:
            raise Unavailable(f"The database is at {present or 'nothing'}, not at {wanted}: run `healthmgr db upgrade`")
        names = module_names(self._settings.modules)
        registering, now = self._healthmgr.registering, self._healthmgr.now()
        registering.register_modules(names, actor=self._actor, origin=ORIGIN, now=now)
        return self

    def close(self) -> None:
        """Stop listening and close the connections; `get_instance` makes a new one then."""
        with HealthManager._instance_lock:
            if HealthManager._instance is self:
                HealthManager._instance = None
        if self._listener is not None:
            self._listener.close()
        self._healthmgr.close()

    def __enter__(self) -> HealthManager:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- Look ------------------------------------------------------------------------------------

    def get_system_health_status(self) -> SystemHealth:
        """The worst status that is believed of any check, and how many of them are healthy."""
        return system_health(self._healthmgr.reading.status(self._healthmgr.now()))

    def get_active_alerts(self) -> list[ManagedAlert]:
        """Every open alert, newest first."""
        found = self._pages(lambda cursor: self._healthmgr.reading.alerts(state="open", cursor=cursor, limit=_PAGE))
        return [managed_alert(alert) for alert in found]

    def get_health_check_results(self) -> dict[str, CheckView]:
        """Each check with its latest result, by slug; `status`, `last_message`, `last_metrics` and so on."""
        found = self._pages(lambda cursor: self._healthmgr.reading.checks(cursor=cursor, limit=_PAGE))
        return {check.slug: check for check in found}

    def get_health_manager_stats(self) -> StatisticsView:
        """Checks by their latest results, alerts and notifications; `average_response_time` in milliseconds."""
        return self._healthmgr.reading.statistics(self._healthmgr.now())

    @staticmethod
    def _pages(read: Callable[[str | None], Any]) -> Iterator[Any]:
        cursor: str | None = None
        while True:
            page = read(cursor)
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                return

    # ---- Act -------------------------------------------------------------------------------------

    def acknowledge_alert(self, alert_id: UUID | str, acknowledged_by: str, comment: str = "") -> ManagedAlert:
        """Say that somebody is on it: nobody is told of it again meanwhile. Raises NotFound, Conflict."""
        identity = _alert_id(alert_id)
        self._healthmgr.responding.acknowledge(
            identity, actor=acknowledged_by or self._actor, origin=ORIGIN, now=self._healthmgr.now(), comment=comment
        )
        return managed_alert(self._healthmgr.reading.alert(identity))

    def resolve_alert(self, alert_id: UUID | str, resolution: str, resolved_by: str = "") -> ManagedAlert:
        """Say that it is over, and why; who was told of the problem is told so. Raises NotFound, Conflict."""
        identity = _alert_id(alert_id)
        self._healthmgr.responding.resolve(
            identity, actor=resolved_by or self._actor, origin=ORIGIN, now=self._healthmgr.now(), comment=resolution
        )
        return managed_alert(self._healthmgr.reading.alert(identity))

    def execute_health_check(self, slug: str, timeout: timedelta = timedelta(seconds=60)) -> ResultView:
        """Have a check probed now, by a worker of the fleet, and wait for its result.

        Raises NotFound, Conflict for a paused check, Unavailable when there is no result within `timeout`.
        """
        ordered = self._healthmgr.executing.order(slug, actor=self._actor, origin=ORIGIN, now=self._healthmgr.now())
        return self._healthmgr.executing.wait(ordered, timeout)

    def register_health_check(self, definition: Mapping[str, Any] | None = None, **fields: Any) -> CheckView:
        """Add a check, or change one that was added so: with `id`, and `check_function` or `kind` and `config`.

        The function must be at the top of a module that workers can import. Bare numbers of lengths are
        milliseconds. The check stays until `unregister_health_check`. Raises DefinitionError.
        """
        given = {_GIVEN.get(key, key): value for key, value in {**(definition or {}), **fields}.items()}
        check = _to_check(given)
        self._register(check.slug, [check])
        return self._healthmgr.reading.check(check.slug)

    def unregister_health_check(self, slug: str) -> None:
        """Disable a check that `register_health_check` added, its history kept. Raises NotFound."""
        applied = self._register(slug, [])
        if not applied.disabled:
            raise NotFound(f"There is no check {slug!r} that was registered by a program")

    def _register(self, slug: str, checks: list[CustomCheck]) -> Any:
        return self._healthmgr.registering.register(
            f"program:{slug}", checks, actor=self._actor, origin=ORIGIN, now=self._healthmgr.now()
        )

    # ---- Listen ----------------------------------------------------------------------------------

    def on(self, event: str, callback: Callback) -> None:
        """Call `callback` with the facts of every such event from now on, whichever process caused it.

        Callbacks run one after the other on a thread of their own. `alert_*` events tell of the alert itself.
        Raises DefinitionError for an unknown event, SettingsError without Redis, Unavailable.
        """
        name = check_name(event)
        with self._lock:
            if self._listener is None:
                self._listener = Listener(self._redis_url())
            self._listener.add(name, callback)

    def off(self, event: str, callback: Callback) -> None:
        """Call it no more for this event."""
        if self._listener is not None:
            self._listener.remove(check_name(event), callback)

    def events(self, after: str = BEGINNING, idle_for: timedelta | None = None) -> Iterator[Event]:
        """What happened behind the event with this id, in order, and then what happens.

        Ends once nothing happened for `idle_for`; without it, never. Keep the last `id` to go on from there
        in another process. Raises SettingsError without Redis, Unavailable.
        """
        reader = EventReader(self._redis_url())
        try:
            yield from follow(reader, after, idle_for)
        finally:
            reader.close()

    def _redis_url(self) -> str:
        if not self._settings.redis_url:
            raise SettingsError("REDIS_URL is not set, and events are read from there: export it")
        return self._settings.redis_url


def _alert_id(given: UUID | str) -> UUID:
    try:
        return given if isinstance(given, UUID) else UUID(given)
    except ValueError:
        raise NotFound(f"There is no alert {given!r}: get_active_alerts() has the ids") from None


def _to_check(given: Mapping[str, Any]) -> CustomCheck:
    fields = dict(given)
    slug, function = str(fields.pop("id", "")), fields.pop("check_function", None)
    if not slug:
        raise DefinitionError([Problem("is missing: give the check an id", path="id")])
    if function is None and "kind" not in fields:
        raise DefinitionError([Problem("is missing: give a check_function, or kind and config", path=f"checks.{slug}")])
    return custom_check(slug, function, fields)
