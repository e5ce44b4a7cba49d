"""One service as the Apprise library knows it: called within a deadline, and quoted without its secrets."""

from __future__ import annotations

import contextlib
import logging
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import apprise

from healthmgr.channels.deadline import Deadline
from healthmgr.channels.text import one_line, without
from healthmgr.errors import ChannelError

# Apprise logs what it sends, and addresses with their tokens: none of that leaves this module unmasked.
_LOGGER = logging.getLogger("apprise")
_LOGGER.addHandler(logging.NullHandler())
_LOGGER.propagate = False
_LOGGER.setLevel(logging.DEBUG)

_THREADS = "apprise-send"
# A send that Apprise does not end in time goes on without us; that many at once are no coincidence.
_MOST_HANGING = 50
_LEAST_SECRET = 4
_MOST_SAID = 300
_ROOM_FOR_A_WHOLE_TEXT = 2000
_ASIDE = re.compile(r"^(Loaded |Sent |Throttling|.*\b(Payload|POST URL|Details)\b)", re.IGNORECASE)
_MAY_HAVE_ARRIVED = re.compile(r"read timed out|connection aborted|connection reset|remote end closed", re.IGNORECASE)
_CAUSES = (
    ("refused", re.compile(r"connection refused", re.IGNORECASE)),
    ("the host is unknown", re.compile(r"failed to resolve|name or service not known", re.IGNORECASE)),
    ("no connection in time", re.compile(r"connect timeout|connection to \S+ timed out", re.IGNORECASE)),
    ("no answer in time", re.compile(r"read timed out", re.IGNORECASE)),
    ("the connection broke off", re.compile(r"connection aborted|connection reset|remote end closed", re.IGNORECASE)),
    ("its certificate is not valid", re.compile(r"certificate verify failed", re.IGNORECASE)),
)


@dataclass(frozen=True, slots=True)
class Text:
    """What to tell: a title, a body, a body for services that take little, and Apprise's word for how bad it is."""

    title: str
    body: str
    short: str
    notify_type: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a message at one service. `place` and `detail` tell no secret."""

    place: str
    is_accepted: bool
    detail: str
    may_have_arrived: bool = False


@dataclass(frozen=True, slots=True)
class Service:
    """A service that can be called, made anew for every message: Apprise's objects keep state from call to call."""

    url: str = field(repr=False)
    plugin: Any = field(repr=False)

    @classmethod
    def at(cls, url: str) -> Service | None:
        """The service at this Apprise address; None when Apprise can make nothing of it."""
        try:
            plugin = apprise.Apprise.instantiate(url, asset=_asset())
        except Exception as error:
            _LOGGER.debug("not an address: %s", type(error).__name__)
            return None
        return None if plugin is None else cls(url, plugin)

    @property
    def place(self) -> str:
        """The service's name, and its host where its address has one (for others, that part is a token)."""
        name = one_line(str(self.plugin.service_name), 60)
        is_shown = any("{host}" in template for template in self.plugin.templates)
        if not is_shown or not self.plugin.host:
            return name
        port = f":{self.plugin.port}" if self.plugin.port else ""
        return f"{name} at {one_line(str(self.plugin.host), 100)}{port}"

    def notify(self, text: Text, timeout: timedelta) -> Outcome:
        """One call, on this thread; its sockets wait no longer than `timeout`, and all of it may last longer."""
        self._hurry(timeout)
        caller = apprise.Apprise(asset=_asset())
        caller.add(self.plugin)
        is_roomy = self.plugin.body_maxlen >= _ROOM_FOR_A_WHOLE_TEXT
        result = caller.notify(
            title=text.title,
            body=text.body if is_roomy else text.short,
            notify_type=text.notify_type,
            body_format=apprise.NotifyFormat.TEXT.value,
            log_level=logging.DEBUG,
        )
        # Not the result as a whole: of an address marked `optional` it is a success whatever happened.
        if any(attempt for service in result.results for attempt in service.attempts):
            return Outcome(self.place, is_accepted=True, detail="accepted")
        log = [entry.message for entry in result.logs()]
        return Outcome(
            self.place,
            is_accepted=False,
            detail=self._said(log),
            may_have_arrived=any(_MAY_HAVE_ARRIVED.search(line) for line in log),
        )

    def _hurry(self, timeout: timedelta) -> None:
        """Wait as long as there is time, unless the address itself says how long (`cto`, `rto`); cut what is long."""
        seconds = timeout.total_seconds()
        query = self.url.partition("?")[2]
        own_connect = self.plugin.socket_connect_timeout if "cto=" in query else seconds
        own_read = self.plugin.socket_read_timeout if "rto=" in query else seconds
        self.plugin.socket_connect_timeout = min(own_connect, seconds)
        self.plugin.socket_read_timeout = min(own_read, seconds)
        if "overflow=" not in query:
            self.plugin.overflow_mode = apprise.OverflowMode.TRUNCATE

    def _said(self, log: Sequence[str]) -> str:
        told = [line for line in log if not _ASIDE.match(line) and "Exception:" not in line]
        causes = dict.fromkeys(words for words, pattern in _CAUSES if any(pattern.search(line) for line in log))
        said = one_line(without("; ".join(dict.fromkeys(told)), self._secrets()), _MOST_SAID)
        return f"{said or 'was not accepted'}{' (' + ', '.join(causes) + ')' if causes else ''}"

    def _secrets(self) -> list[str]:
        """Every part of the address that may be a token, as written and as sent."""
        shown = self.place
        parts = re.split(r"[/?&=:@,;#+]+", self.url.partition("://")[2])
        both = {*parts, *map(unquote, parts)}
        return [part for part in both if len(part) >= _LEAST_SECRET and part not in shown]


def notify_all(services: Sequence[Service], text: Text, timeout: timedelta) -> list[Outcome]:
    """What became of the message at each service, all called at once; raises ChannelError when there is no time.

    A call that has not ended by then is left to itself: it may still succeed.
    """
    deadline = Deadline(timeout)
    try:
        remaining = timedelta(seconds=deadline.remaining())
    except TimeoutError as error:
        raise ChannelError(f"Apprise was not called: {error}") from None
    hanging = sum(thread.name == _THREADS for thread in threading.enumerate())
    if hanging >= _MOST_HANGING:
        raise ChannelError(f"Apprise was not called: {hanging} earlier calls have not ended")
    calls = [_Call(service, text, remaining) for service in services]
    return [call.outcome(deadline) for call in calls]


class _Call:
    """One service being called on a thread of its own, for a plugin cannot be told to stop."""

    def __init__(self, service: Service, text: Text, timeout: timedelta) -> None:
        self._service = service
        self._found: list[Outcome] = []
        self._thread = threading.Thread(target=self._run(text, timeout), name=_THREADS, daemon=True)
        self._thread.start()

    def outcome(self, deadline: Deadline) -> Outcome:
        """What became of it by the deadline."""
        with contextlib.suppress(TimeoutError):  # no time is left: what has come by now is taken
            self._thread.join(deadline.remaining())
        if self._found:
            return self._found[0]
        return Outcome(self._service.place, is_accepted=False, detail="no answer in time", may_have_arrived=True)

    def _run(self, text: Text, timeout: timedelta) -> Callable[[], None]:
        def run() -> None:
            try:
                self._found.append(self._service.notify(text, timeout))
            except Exception as error:
                detail = f"the plugin failed: {type(error).__name__}"
                self._found.append(Outcome(self._service.place, False, detail, may_have_arrived=True))

        return run


def _asset() -> apprise.AppriseAsset:
    return apprise.AppriseAsset(
        app_id="healthmgr",
        app_desc="healthmgr",
        app_url="",
        async_mode=False,
        http_redirects=False,
        interpret_emojis=False,
        pem_autogen=False,
        pgp_autogen=False,
        secure_logging=True,
        # Nothing is kept on disk, and no time limit of Apprise's own: its pool of threads would be shared by all.
        storage_mode=apprise.PersistentStoreMode.MEMORY,
        service_timeout=0,
        allow_templates=False,
    )
