"""Channels that need no definitions file: what the settings say becomes definitions of a source of its own.

Whatever a file defines under the same names goes before them, and where another source says what happens to the
alerts that no other route takes, nothing is said here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from healthmgr.definitions.definition import SECTIONS, SETTINGS, Definitions, PluginRegistry, Snapshot, Stored
from healthmgr.definitions.document import parse_document
from healthmgr.definitions.draft import Draft
from healthmgr.definitions.reading import fill_draft
from healthmgr.definitions.settling import Fallbacks
from healthmgr.domain.routing_tree import ROOT
from healthmgr.errors import DefinitionError

EMAIL, SLACK, PAGERDUTY = "email", "slack", "pagerduty"

_FILE = "the settings"
_NEEDED: Mapping[str, tuple[str, ...]] = {
    EMAIL: ("SMTP_HOST", "ALERT_EMAIL_FROM"),
    SLACK: ("SLACK_WEBHOOK_URL",),
    PAGERDUTY: ("PAGERDUTY_INTEGRATION_KEY",),
}


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the settings say of channels: which are enabled, the name to appear under in Slack, who gets the mail."""

    enabled: frozenset[str] = frozenset({EMAIL, SLACK, PAGERDUTY})
    slack_username: str = ""
    mail_to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Provider:
    """Makes definitions of the settings, beside those of a file and of other sources."""

    wishes: Wishes
    registry: PluginRegistry
    environ: Mapping[str, str]
    fallbacks: Fallbacks

    def definitions(self, draft: Draft, stored: Snapshot) -> Definitions:
        """What the settings define while this draft and what is stored stand. Raises DefinitionError."""
        document = parse_document(json.dumps(self._document(draft, stored)), _FILE)
        own = Draft(SETTINGS, document)
        fill_draft(own, self.registry, self.environ, self.fallbacks)
        if own.problems:
            raise DefinitionError([replace(problem, line=None) for problem in own.problems])
        return Definitions(source=SETTINGS, **{attribute: getattr(own, attribute) for _, attribute in SECTIONS})

    def _document(self, draft: Draft, stored: Snapshot) -> dict[str, Any]:
        beside = _Beside(draft, stored)
        kinds = [kind for kind in _NEEDED if self._is_given(kind)]
        usable = [kind for kind in kinds if beside.kind_of(kind) in ("", kind)]  # also where a file has taken it over
        people = self._people(usable)
        contacts = {name: beside.contacts_of(name, who["contacts"]) for name, who in people.items()}
        via = [kind for kind in usable if any(kind in ways for ways in contacts.values())]
        to = [name for name, ways in contacts.items() if any(channel in ways for channel in via)]
        return {
            "version": 1,
            "channels": {kind: self._channel(kind) for kind in kinds if not beside.has("channels", kind)},
            "recipients": {name: who for name, who in people.items() if not beside.has("recipients", name)},
            "routing": {ROOT: {"to": to, "via": via}} if to and not beside.has("routing", ROOT) else {},
        }

    def _is_given(self, kind: str) -> bool:
        is_set = (self.environ.get(name) or self.environ.get(f"{name}_FILE") for name in _NEEDED[kind])
        return kind in self.wishes.enabled and all(is_set)

    def _channel(self, kind: str) -> dict[str, Any]:
        named = kind == SLACK and self.wishes.slack_username
        return {"kind": kind, "config": {"username": self.wishes.slack_username} if named else {}}

    def _people(self, channels: list[str]) -> dict[str, Any]:
        """`default`, and one more for each further mailbox: a contact is one address."""
        shared = {channel: "" for channel in channels if channel != EMAIL}
        mailboxes = self.wishes.mail_to if EMAIL in channels else ()
        names = [ROOT, *(f"{ROOT}-{number}" for number in range(2, len(mailboxes) + 1))]
        mail = dict(zip(names, mailboxes, strict=False))
        contacts = {name: {**({EMAIL: mail[name]} if name in mail else {}), **shared} for name in names}
        return {name: {"name": "Default", "contacts": ways} for name, ways in contacts.items() if ways}


class _Beside:
    """What the draft, and sources other than it and the settings, define."""

    def __init__(self, draft: Draft, stored: Snapshot) -> None:
        self._draft = draft
        self._stored = stored

    def has(self, section: str, name: str) -> bool:
        """Whether a name is theirs."""
        return name in self._draft.declared[section] or self._of_others(section, name) is not None

    def kind_of(self, channel: str) -> str:
        """The kind of their channel of this name; "" where it is not theirs, or at fault."""
        own = self._draft.channels.get(channel)
        other = self._of_others("channels", channel)
        found = own if own is not None else other.definition if other is not None else None
        return found.kind if found is not None else ""

    def contacts_of(self, name: str, ours: Mapping[str, str]) -> Mapping[str, str]:
        """The contacts of a recipient: theirs, else ours."""
        own = self._draft.recipients.get(name)
        other = self._of_others("recipients", name)
        found = own if own is not None else other.definition if other is not None else None
        return found.contacts if found is not None else ours

    def _of_others(self, section: str, name: str) -> Stored[Any] | None:
        item: Stored[Any] | None = getattr(self._stored, dict(SECTIONS)[section]).get(name)
        is_theirs = item is not None and item.is_enabled and item.managed_by not in (SETTINGS, self._draft.source)
        return item if is_theirs else None


def with_provided(stored: Snapshot, provided: Definitions, draft: Draft) -> Snapshot:
    """What is stored once the settings' definitions are, too; what the draft takes over is still theirs."""

    def items(section: str, attribute: str) -> dict[str, Stored[Any]]:
        there: Mapping[str, Stored[Any]] = getattr(stored, attribute)
        wanted = getattr(provided, attribute)
        kept = {
            name: item for name, item in there.items() if item.managed_by != SETTINGS or name in draft.declared[section]
        }
        return {**kept, **{name: Stored(item, SETTINGS) for name, item in wanted.items()}}

    return Snapshot(**{attribute: items(section, attribute) for section, attribute in SECTIONS})
