"""The plugins that are installed: check types, channels and steps, found through entry points."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Iterable
from importlib.metadata import EntryPoint
from typing import Generic, TypeVar

from pydantic import BaseModel

from healthmgr.errors import PluginError, UnknownPlugin
from healthmgr.packaged import offered
from healthmgr.ports import Channel, CheckType, StepType

CHECKS = "healthmgr.checks"
CHANNELS = "healthmgr.channels"
STEPS = "healthmgr.steps"

P = TypeVar("P")


class Plugins(Generic[P]):
    """The plugins of one kind of port, each imported when it is first asked for and made once.

    A plugin that cannot be imported disturbs nobody but those who ask for it.
    """

    def __init__(self, noun: str, port: type[P], found: Iterable[EntryPoint]) -> None:
        self._noun = noun
        self._port = port
        self._found: dict[str, list[EntryPoint]] = {}
        for point in found:
            same = self._found.setdefault(point.name, [])
            if all(point.value != other.value for other in same):
                same.append(point)
        self._made: dict[str, P] = {}
        self._lock = threading.Lock()

    def kinds(self) -> tuple[str, ...]:
        """The kinds that are installed, sorted, whether or not they can be imported."""
        return tuple(sorted(self._found))

    def get(self, kind: str) -> P:
        """The one instance of a kind.

        Raises UnknownPlugin, with the nearest name, when none is installed, and PluginError saying what is
        wrong when it cannot be loaded.
        """
        made = self._made.get(kind)
        if made is not None:
            return made
        with self._lock:
            if kind not in self._made:
                self._made[kind] = self._make(kind)
            return self._made[kind]

    def _make(self, kind: str) -> P:
        points = self._found.get(kind)
        if points is None:
            raise UnknownPlugin(self._say_unknown(kind))
        if len(points) > 1:
            rivals = " and ".join(point.value for point in points)
            raise PluginError(f"The {self._noun} {kind!r} is offered by {rivals}: uninstall all but one")
        try:
            plugin = points[0].load()()
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
            raise PluginError(f"The {self._noun} {kind!r} ({points[0].value}) cannot be loaded: {why}") from error
        if not isinstance(plugin, self._port) or getattr(plugin, "kind", None) != kind:
            expected = f"a class with kind = {kind!r}, Config and the method of {self._port.__name__}"
            raise PluginError(f"The {self._noun} {kind!r} ({points[0].value}) is not usable: expected {expected}")
        return plugin

    def _say_unknown(self, kind: str) -> str:
        nearest = difflib.get_close_matches(kind, self.kinds(), n=1, cutoff=0.5)
        hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
        return f"There is no {self._noun} {kind!r}.{hint} Installed: {', '.join(self.kinds()) or 'none'}."


class Registry:
    """Every plugin that is installed, by kind."""

    def __init__(self, check_types: Plugins[CheckType], channels: Plugins[Channel], steps: Plugins[StepType]) -> None:
        self._check_types = check_types
        self._channels = channels
        self._steps = steps

    @classmethod
    def load(cls) -> Registry:
        """What the installed packages offer. Nothing is imported yet."""
        return cls(
            Plugins("check type", CheckType, offered(CHECKS)),  # type: ignore[type-abstract]
            Plugins("channel", Channel, offered(CHANNELS)),  # type: ignore[type-abstract]
            Plugins("step type", StepType, offered(STEPS)),  # type: ignore[type-abstract]
        )

    def check_type(self, kind: str) -> CheckType:
        """The check type of this kind; raises UnknownPlugin or PluginError."""
        return self._check_types.get(kind)

    def settings_model(self, kind: str) -> type[BaseModel] | None:
        """What a check type of this kind has as its settings; None where its plugin is not here or does not load."""
        try:
            return self.check_type(kind).Config
        except PluginError:
            return None

    def channel(self, kind: str) -> Channel:
        """The channel of this kind; raises UnknownPlugin or PluginError."""
        return self._channels.get(kind)

    def step_type(self, kind: str) -> StepType:
        """The kind of step of this name; raises UnknownPlugin or PluginError."""
        return self._steps.get(kind)

    def channel_kinds_that(self, trait: str) -> frozenset[str]:
        """The kinds of channel whose class says this of itself; one that cannot be loaded says nothing."""
        return frozenset(kind for kind in self.channel_kinds() if self.is_channel_that(kind, trait))

    def is_channel_that(self, kind: str, trait: str) -> bool:
        """Whether the class of this kind of channel says this of itself, as `tells_acknowledgements`."""
        try:
            return bool(getattr(self.channel(kind), trait, False))
        except PluginError:
            return False

    def check_kinds(self) -> tuple[str, ...]:
        """The kinds of check that are installed, sorted."""
        return self._check_types.kinds()

    def channel_kinds(self) -> tuple[str, ...]:
        """The kinds of channel that are installed, sorted."""
        return self._channels.kinds()

    def step_kinds(self) -> tuple[str, ...]:
        """The kinds of step that are installed, sorted."""
        return self._steps.kinds()
