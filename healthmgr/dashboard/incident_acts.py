"""What people do about an incident: each asks for what it needs, and calls the same use case as the API."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from nicegui import ui

from healthmgr.dashboard.acting import LENGTHS
from healthmgr.dashboard.asking import Field, ask
from healthmgr.dashboard.place import Place
from healthmgr.domain.escalation import Named
from healthmgr.domain.quantity import parse_duration
from healthmgr.errors import DefinitionError, NotFound, Problem
from healthmgr.services.commanding import Act
from healthmgr.services.tokens import Role

_COMMENT = Field("comment", "Comment", is_long=True)
_PERSON = Field("person", "Person", is_required=True)


@dataclass(frozen=True, slots=True)
class _Form:
    """What an act asks for: its title, its fields, the word on its button, and what it says once it is done."""

    title: str
    verb: str
    fields: tuple[Field, ...]
    said: str
    is_grave: bool = False


_FORMS: Mapping[str, _Form] = {
    "acknowledge": _Form(
        "Take it in hand", "Acknowledge",
        (Field("for", "For how long", options={"": "until it is over", **LENGTHS}), _COMMENT),
        "It is yours: nobody else is paged for it",
    ),
    "unacknowledge": _Form("Take the acknowledgement back", "Take back", (_COMMENT,), "People are told again"),
    "snooze": _Form(
        "Put it off", "Snooze", (Field("for", "For how long", options=LENGTHS), _COMMENT), "It is put off"
    ),
    "resolve": _Form("Say that all of it is over", "Resolve", (_COMMENT,), "It is over", is_grave=True),
    "escalate": _Form("Tell the next level now", "Escalate", (_COMMENT,), "The next level is told"),
    "decline": _Form("Say that you cannot take it", "Decline", (_COMMENT,), "Somebody else is told"),
    "comment": _Form(
        "Add a word to the timeline", "Comment",
        (Field("comment", "Comment", is_long=True, is_required=True),), "It is on the timeline",
    ),
    "assign": _Form("Say whose it is", "Assign", (_PERSON, _COMMENT), "It is assigned, and its new owner is told"),
    "ask": _Form(
        "Ask somebody to help", "Ask",
        (Field("who", "Who", is_required=True, hint="a person, team:NAME or schedule:NAME"), _COMMENT), "They are told",
    ),
    "hand_over": _Form(
        "Hand it over", "Hand over", (Field("person", "To", is_required=True), _COMMENT), "It is handed over"
    ),
    "give_role": _Form(
        "Give somebody a role", "Give",
        (Field("role", "Role", "commander", is_required=True), _PERSON), "They are told",
    ),
    "update": _Form(
        "Tell everybody who has subscribed how it stands", "Tell them",
        (Field("text", "How it stands", is_long=True, is_required=True),), "They are told",
    ),
    "subscribe": _Form("Have somebody told how it goes on", "Subscribe", (_PERSON,), "They will be told"),
    "reopen_alert": _Form(
        "Say that this alert was not over", "Open it again", (_COMMENT,), "It is open again: people are told"
    ),
    "add_task": _Form(
        "Note something to be done", "Add",
        (Field("title", "What", is_required=True), Field("assignee", "Whose")), "It is noted",
    ),
    "merge": _Form(
        "Make one incident of two", "Merge", (Field("other", "The other's number", is_required=True), _COMMENT),
        "They are one incident now", is_grave=True,
    ),
}  # fmt: skip
_AT_ONCE = ("finish_task", "unsubscribe")  # the button says all that they need
ACTS = (*_FORMS, *_AT_ONCE)


async def act(place: Place, incident_id: UUID, data: Mapping[str, str]) -> None:
    """Ask for what the act needs, and do it. Raises the errors of the use case."""
    place.demand(Role.RESPONDER)
    verb = data["act"]
    if verb in _AT_ONCE:
        await asyncio.to_thread(_do(place, incident_id, verb, data))
        return
    form = _FORMS[verb]
    given = await ask(form.title, form.fields, form.verb, is_grave=form.is_grave)
    if given is not None:
        await asyncio.to_thread(_do(place, incident_id, verb, {**data, **given}))
        ui.notify(form.said, type="positive", position="top")


def _do(place: Place, incident_id: UUID, verb: str, given: Mapping[str, str]) -> Callable[[], object]:
    healthmgr = place.healthmgr
    comment = given.get("comment", "")
    hand = place.said()
    said = {**hand, "comment": comment}
    doing = Act(**said)
    answering, commanding, coordinating = healthmgr.answering, healthmgr.commanding, healthmgr.coordinating
    length = parse_duration(given["for"]) if given.get("for") else None
    end = doing.now + length if length else None
    acts: dict[str, Callable[[], object]] = {
        "acknowledge": lambda: answering.acknowledge(incident_id, until=end, **said),
        "unacknowledge": lambda: answering.unacknowledge(incident_id, **said),
        "snooze": lambda: answering.snooze(incident_id, until=end or doing.now + timedelta(hours=1), **said),
        "resolve": lambda: answering.resolve(incident_id, **said),
        "assign": lambda: commanding.assign(incident_id, given["person"], doing),
        "comment": lambda: answering.comment(incident_id, text=comment, **hand),
        "escalate": lambda: commanding.escalate(incident_id, doing),
        "decline": lambda: commanding.decline(incident_id, doing),
        "ask": lambda: commanding.ask(incident_id, _named(given["who"]), doing),
        "hand_over": lambda: commanding.hand_over(incident_id, given["person"], doing),
        "give_role": lambda: commanding.give_role(incident_id, given["role"], given["person"], doing),
        "update": lambda: coordinating.update(incident_id, given["text"], doing),
        "subscribe": lambda: coordinating.subscribe(incident_id, given["person"], doing),
        "unsubscribe": lambda: coordinating.unsubscribe(incident_id, given["person"], doing),
        "reopen_alert": lambda: healthmgr.responding.reopen(_alert(given["alert"]), **said),
        "add_task": lambda: coordinating.add_task(incident_id, given["title"], doing, assignee=given["assignee"]),
        "finish_task": lambda: coordinating.finish_task(incident_id, int(given["number"]), doing),
        "merge": lambda: coordinating.merge(incident_id, _other(place, given["other"]), doing),
    }
    return acts[verb]


def _named(text: str) -> Named:
    try:
        return Named.parse(text)
    except ValueError as error:
        raise DefinitionError([Problem(str(error), path="who")]) from error


def _alert(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"There is no alert {text!r}.") from None


def _other(place: Place, text: str) -> UUID:
    number = text.strip().removeprefix("#")
    if not number.isdecimal() or len(number) > 18:
        raise DefinitionError([Problem(f"{text!r} is no number of an incident", path="other")])
    return place.healthmgr.reading.incident_id(int(number))
