"""Which names there are: those of the file itself, and those that other sources have stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from healthmgr.definitions.definition import SECTIONS, Definitions, PluginRegistry, Snapshot, Stored
from healthmgr.definitions.draft import Draft
from healthmgr.definitions.faults import did_you_mean, shown
from healthmgr.errors import PluginError, Problem

_ATTRIBUTES: Mapping[str, str] = dict(SECTIONS)
_SINGULARS = {"escalation_policies": "escalation policy"}


@dataclass(slots=True)
class Known:
    """The names at hand. `others` None: no database was asked, and a name may be defined elsewhere.

    `provided` are definitions of the settings that stand beside the draft where no database was asked.
    """

    draft: Draft
    others: Snapshot | None
    registry: PluginRegistry
    warnings: list[Problem] = field(default_factory=list)
    provided: Definitions | None = None

    def warn(self, message: str, *place: str | int) -> None:
        """Note what need not be wrong."""
        self.warnings.append(self.draft.document.problem(message, place))

    def judge_name(self, name: str, section: str, *place: str | int) -> bool:
        """Whether there is such a name in a section; where not, it is said, or warned of without a database."""
        if self.is_known(section, name):
            return True
        one = _SINGULARS.get(section, section.removesuffix("s").replace("_", " "))
        if self.others is None:
            self.warn(f"{one} {shown(name)} is not in this file: another file must define it", *place)
        else:
            self.draft.say(f"there is no {one} {shown(name)}{did_you_mean(name, self.names(section))}", *place)
        return False

    def is_known(self, section: str, name: str) -> bool:
        """Whether this file or another source defines the name."""
        if name in self.draft.declared[section] or name in getattr(self.provided, _ATTRIBUTES[section], {}):
            return True
        other = self.stored(section).get(name)
        return other is not None and (other.is_enabled or section == "checks")

    def stored(self, section: str) -> Mapping[str, Stored[Any]]:
        """What other sources have stored of a section; nothing where no database was asked."""
        found: Mapping[str, Stored[Any]] = getattr(self.others, _ATTRIBUTES[section], {})
        return found

    def judge_reach(self, to: Iterable[str], via: Iterable[str], *place: str | int) -> None:
        """Recipients and channels have to be there, and each to be reached over each."""
        recipients = [name for name in to if self.judge_name(name, "recipients", *place, "to")]
        channels = [name for name in via if self.judge_name(name, "channels", *place, "via")]
        for recipient, channel in self.unreachable(recipients, channels):
            section = self.draft.place_of("recipients", recipient)[0]
            message = f"{shown(recipient)} has no contact for channel {shown(channel)}: give one under {section}"
            self.draft.say(message, *place, "via")

    def unreachable(self, recipients: Iterable[str], channels: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Whom these channels cannot reach. A recipient of this file gets an empty contact where none is needed."""
        for channel in channels:
            needs_address = self.needs_address(channel)
            for recipient in recipients:
                contacts = self._contacts(recipient)
                if contacts is None or contacts.get(channel):
                    continue
                if needs_address is False and recipient in self.draft.recipients:
                    own = self.draft.recipients[recipient]
                    self.draft.recipients[recipient] = replace(own, contacts={**own.contacts, channel: ""})
                elif channel not in contacts or needs_address:
                    yield recipient, channel

    def names(self, section: str) -> set[str]:
        """Every name of a section."""
        return {*self.draft.declared[section], *self.stored(section)}

    def _contacts(self, recipient: str) -> Mapping[str, str] | None:
        if recipient in self.draft.declared["recipients"]:
            own = self.draft.recipients.get(recipient)
            return own.contacts if own is not None else None
        other = self.others.recipients.get(recipient) if self.others is not None else None
        return other.definition.contacts if other is not None else None

    def needs_address(self, channel: str) -> bool | None:
        """Whether the channel's messages go to an address of the recipient; None when its plugin does not say."""
        for kind in self._kinds(channel):
            try:
                return self.registry.channel(kind).needs_address
            except PluginError:
                break  # of a faulty channel enough is said already
        return False

    def kind_of(self, channel: str) -> str:
        """The kind of a channel; "" where it is not known here."""
        return next(self._kinds(channel), "")

    def channels_of(self, kind: str) -> list[str]:
        """The channels of a kind, by name."""
        return sorted(name for name in self.names("channels") if self.kind_of(name) == kind)

    def everybody(self) -> Iterator[tuple[str, Mapping[str, str]]]:
        """Everybody with an address by channel, the draft's own people first."""
        for name in sorted(self.names("recipients"), key=lambda name: (name not in self.draft.recipients, name)):
            contacts = self._contacts(name)
            if contacts is not None and self.is_known("recipients", name):
                yield name, contacts

    def _kinds(self, channel: str) -> Iterator[str]:
        if channel in self.draft.declared["channels"]:
            own = self.draft.channels.get(channel)
            if own is not None:
                yield own.kind
        elif self.others is not None and channel in self.others.channels:
            yield self.others.channels[channel].definition.kind
