"""What people decided about an incident, in sentences: the part of `timeline_words` that is of incident command."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from healthmgr.domain.command import AfterDecline
from healthmgr.domain.phrasing import listing
from healthmgr.domain.timeline import EntryKind

Detail = Mapping[str, Any]

_MOST_NAMED = 5
_AFTER_DECLINE: Mapping[str, str] = {
    AfterDecline.NEXT_LEVEL: "the next level is told at once",
    AfterDecline.OTHERS_ASKED: "others of the same level may still answer",
    AfterDecline.NOT_ASKED: "the present level did not ask for it",
    AfterDecline.IN_HAND: "somebody else has it in hand",
}


def _declined(reason: str, actor: str, detail: Detail) -> str:
    follows = _AFTER_DECLINE.get(reason)
    return f"{actor} cannot take it{_comment(detail)}" + (f"; {follows}" if follows else "")


def _asked(_reason: str, actor: str, detail: Detail) -> str:
    people = listing([*detail.get("people", ())], _MOST_NAMED)
    who = str(detail.get("who", ""))
    meant = f" ({who})" if ":" in who and not who.startswith("person:") else ""
    return f"{actor} asked {people or who}{meant} to help{_comment(detail)}"


def _handed_over(_reason: str, actor: str, detail: Detail) -> str:
    giver, roles = detail.get("from"), listing([*detail.get("roles", ())], _MOST_NAMED)
    of = f" for {giver}" if giver and giver != actor else ""
    with_roles = f", with the role {roles}" if roles else ""
    return f"{actor} handed it over to {_person(detail)}{of}{with_roles}{_comment(detail)}"


def _role_given(reason: str, actor: str, detail: Detail) -> str:
    person, role = detail.get("person"), detail.get("role", "one in charge")
    if person is None:
        return f"Nobody became {role}, because nobody is on call for {detail.get('rule', 'it')}"
    rule = f" by the rule for {detail['rule']}" if reason == "by_rule" and detail.get("rule") else ""
    return f"{person} is the {role} from now on" + (f", says {actor}" if actor else rule) + _comment(detail)


def _role_taken(_reason: str, actor: str, detail: Detail) -> str:
    return f"{_person(detail)} is no longer the {detail.get('role', 'one in charge')}, says {actor}{_comment(detail)}"


def _task_added(_reason: str, actor: str, detail: Detail) -> str:
    person = detail.get("person")
    whose = f" for {person}" if person else ""
    return f"{actor} noted{whose} {_task(detail)}"


def _task_done(_reason: str, actor: str, detail: Detail) -> str:
    return f"{actor} finished {_task(detail)}"


def _updated(_reason: str, actor: str, detail: Detail) -> str:
    told, lost = listing([*detail.get("to", ())], _MOST_NAMED), listing([*detail.get("unreachable", ())], _MOST_NAMED)
    to = f" to {told}" if told else ", to which nobody has subscribed" if not lost else ""
    without = f" ({lost} cannot be reached)" if lost else ""
    return f"{actor} gave a status update{to}{without}{_comment(detail)}"


def _subscribed(_reason: str, actor: str, detail: Detail) -> str:
    person = _person(detail)
    by = f", says {actor}" if person != actor else ""
    return f"{person} hears of its status updates{by}"


def _unsubscribed(_reason: str, actor: str, detail: Detail) -> str:
    person = _person(detail)
    by = f", says {actor}" if person != actor else ""
    return f"{person} hears of its status updates no more{by}"


def _merged(_reason: str, actor: str, detail: Detail) -> str:
    count = detail.get("count", 0)
    alerts = f"{count} open alert{'' if count == 1 else 's'}"
    if "into" in detail:
        return f"{actor} merged it into {_incident(detail, 'into')}, with {alerts}{_comment(detail)}"
    return f"{actor} merged {_incident(detail, 'other')} into it, with {alerts}{_comment(detail)}"


def _linked(_reason: str, actor: str, detail: Detail) -> str:
    if "caused" in detail:
        return f"It caused {_incident(detail, 'caused')}, says {actor}{_comment(detail)}"
    return f"It was caused by {_incident(detail, 'caused_by')}, says {actor}{_comment(detail)}"


def _person(detail: Detail) -> str:
    return str(detail.get("person") or "somebody")


def _task(detail: Detail) -> str:
    number, title = detail.get("number"), detail.get("title")
    return f"task {number}: {title}" if number and title else "a task"


def _incident(detail: Detail, key: str) -> str:
    return f"incident #{detail[key]}" if detail.get(key) else "another incident"


def _comment(detail: Detail) -> str:
    comment = str(detail.get("comment") or "").strip()
    return f": {comment}" if comment else ""


COMMAND_SENTENCES: Mapping[str, Callable[[str, str, Detail], str]] = {
    EntryKind.DECLINED: _declined,
    EntryKind.ASKED: _asked,
    EntryKind.HANDED_OVER: _handed_over,
    EntryKind.ROLE_GIVEN: _role_given,
    EntryKind.ROLE_TAKEN: _role_taken,
    EntryKind.TASK_ADDED: _task_added,
    EntryKind.TASK_DONE: _task_done,
    EntryKind.UPDATED: _updated,
    EntryKind.SUBSCRIBED: _subscribed,
    EntryKind.UNSUBSCRIBED: _unsubscribed,
    EntryKind.MERGED: _merged,
    EntryKind.LINKED: _linked,
}
