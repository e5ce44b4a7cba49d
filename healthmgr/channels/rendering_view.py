"""A message as people read it: every word, time and bound that the templates lay out. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from healthmgr.channels.rendering_alert import FEWER_RESULTS, LINE, MOST_RESULTS, AlertView, alert_view, moment, names
from healthmgr.channels.text import one_line, web_address
from healthmgr.domain.check import Severity
from healthmgr.domain.message import ChangeFacts, HeldBack, Message, MessageKind
from healthmgr.domain.phrasing import absolute, clock_time, lasted, listing, span

MOST_SHORT_ALERTS = 20
_MOST_HELD_BACK = 50
_MOST_CHANGES = 10
_MOST_CAUSES = 5
_MOST_WORDS = 2000
_LONG_RESULTS_UP_TO = 2  # alerts; of more of them, fewer results of each

# Background and text of the band, by what a message is about: white or black, whichever reads better on it.
_BANDS: Mapping[Severity, tuple[str, str]] = {
    Severity.CRITICAL: ("#b3261e", "#ffffff"),
    Severity.HIGH: ("#b4500b", "#ffffff"),
    Severity.MEDIUM: ("#f0b429", "#1d1f23"),
    Severity.LOW: ("#41617f", "#ffffff"),
}
_RESOLVED_BAND = ("#1b7a48", "#ffffff")
_CALM_BAND = ("#2f5d8c", "#ffffff")
_INKS: Mapping[Severity, str] = {
    Severity.CRITICAL: "#b3261e",
    Severity.HIGH: "#b4500b",
    Severity.MEDIUM: "#8a5a00",
    Severity.LOW: "#41617f",
}
_TEST = "This is a test. Nothing is wrong, and nobody has to do anything."


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many alerts are told whole, the others in a line each, and how many results of each."""

    whole: int
    results: int


# From generous to narrow: the first one that makes a message short enough for a mail program is taken.
LADDER = (Bounds(whole=4, results=MOST_RESULTS), Bounds(whole=2, results=FEWER_RESULTS), Bounds(whole=1, results=3))


@dataclass(frozen=True, slots=True)
class ActionView:
    """A button: `label` has a verb, `url` is a web address. The first of a message is the one to press."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class ChangeView:
    """Something else that changed; `when` is its distance from the beginning of the incident."""

    at: str
    when: str
    what: str


@dataclass(frozen=True, slots=True)
class HeldBackView:
    """One incident of a digest."""

    number: str
    title: str
    state: str
    ink: str
    since: str


@dataclass(frozen=True, slots=True)
class MessageView:
    """Everything that a template may lay out: cleaned, bounded, in words. `notice` is what must not be overlooked."""

    subject: str
    eyebrow: str
    headline: str
    since: str
    band: str
    band_ink: str
    notice: str
    summary: str
    news: str
    actions: tuple[ActionView, ...]
    command: str
    held_back: tuple[HeldBackView, ...]
    held_back_left_out: int
    whole: tuple[AlertView, ...]
    short: tuple[AlertView, ...]
    left_out: int
    changes: tuple[ChangeView, ...]
    causes: tuple[str, ...]
    told: str
    roles: str
    footer: tuple[str, ...]


def message_view(message: Message, bounds: Bounds = LADDER[0]) -> MessageView:
    """The message in words, within these bounds; raises ValueError for one without anything to tell of."""
    if not message.alerts and not message.held_back:
        raise ValueError(f"the message {message.notification_id} has no alert to tell of")
    is_over, now = message.kind is MessageKind.RESOLUTION, message.composed_at
    band, band_ink = _band(message)
    title = one_line(message.title, 160)
    count = len(message.alerts) + message.more_alerts
    most_results = min(bounds.results, MOST_RESULTS if count <= _LONG_RESULTS_UP_TO else FEWER_RESULTS)
    views = [
        alert_view(alert, now, is_alone=count == 1, most_results=most_results)
        for alert in message.alerts[:MOST_SHORT_ALERTS]
    ]
    return MessageView(
        subject=_subject(message, title),
        eyebrow=_eyebrow(message),
        headline=_without_severity(title, message.severity),
        since=_since(message),
        band=band,
        band_ink=band_ink,
        notice=_TEST if message.is_test else "",
        summary=_summary(message),
        news=_news(message),
        actions=tuple(_actions(message)),
        command="" if is_over or _is_answered(message) else one_line(message.how_to_acknowledge, LINE),
        held_back=tuple(_held_back(held, message) for held in message.held_back[:_MOST_HELD_BACK]),
        held_back_left_out=max(0, len(message.held_back) - _MOST_HELD_BACK),
        whole=tuple(views[: bounds.whole]),
        short=tuple(views[bounds.whole :]),
        left_out=count - len(views),
        changes=tuple(_change(change, message) for change in message.changes[:_MOST_CHANGES]),
        causes=tuple(one_line(cause, LINE) for cause in message.causes[:_MOST_CAUSES]),
        told=names(message.told),
        roles=names(message.roles),
        footer=_footer(message),
    )


def _band(message: Message) -> tuple[str, str]:
    if message.kind is MessageKind.RESOLUTION:
        return _RESOLVED_BAND
    if message.is_test or message.is_notice or message.kind is MessageKind.ACKNOWLEDGEMENT:
        return _CALM_BAND
    return _BANDS[message.severity]


def _subject(message: Message, title: str) -> str:
    if message.kind is MessageKind.DIGEST:
        number = listing([f"#{held.incident_number}" for held in message.held_back], 3)
    else:
        number = f"#{message.incident_number}"
    if message.is_notice:
        return title
    if message.is_test:
        return f"Test: {_without_severity(title, message.severity)}"
    return f"{'May it be repaired? ' if message.approval else ''}{title} ({number})"


def _without_severity(title: str, severity: Severity) -> str:
    return title.removeprefix(f"{severity.value.capitalize()}: ")


def _eyebrow(message: Message) -> str:
    if message.is_test:
        return "Test message"
    if message.is_notice:
        return "On call"
    number, severity = f"incident #{message.incident_number}", message.severity.value
    if message.kind is MessageKind.RESOLUTION:
        return f"{number.capitalize()} · was {severity}"
    if message.kind is MessageKind.DIGEST:
        return f"{severity.capitalize()} · told together"
    extra = {MessageKind.UPDATE: " · update", MessageKind.ACKNOWLEDGEMENT: " · somebody is on it"}.get(message.kind, "")
    reminder = f" · reminder {message.round}" if message.round else ""
    return f"{severity.capitalize()} · {number}{extra}{reminder}"


def _since(message: Message) -> str:
    if message.kind is MessageKind.RESOLUTION:
        ended = max((alert.resolved_at for alert in message.alerts if alert.resolved_at), default=message.composed_at)
        return f"Lasted {lasted(ended - message.opened_at)}: {span(message.opened_at, ended)}"
    if message.held_back:
        opened = [held.opened_at for held in message.held_back]
        first, last = min(opened), max(opened)
        return f"Opened {absolute(first) if absolute(first) == absolute(last) else span(first, last)}"
    return f"{'Of' if message.is_notice else 'Since'} {moment(message.opened_at, message.composed_at)}"


def _summary(message: Message) -> str:
    if message.kind is MessageKind.DIGEST or not message.alerts:
        return "So many came in a short time that they are told in one message."
    first = message.alerts[0]
    return one_line(first.resolution if message.kind is MessageKind.RESOLUTION else first.summary, LINE)


def _news(message: Message) -> str:
    """What is new, where that is not the problem itself: the named reason of the decision, in words."""
    actor = one_line(message.actor, 120)
    if message.words:
        return one_line(message.said, _MOST_WORDS)
    if message.kind is MessageKind.ACKNOWLEDGEMENT:
        return f"Acknowledged by {actor or 'somebody'}: no reminders until something changes"
    if message.kind is MessageKind.UPDATE and not message.is_notice:
        return one_line(message.reason, 100).replace("_", " ").capitalize()
    is_said = any(message.actor in alert.resolution for alert in message.alerts)
    return f"Closed by {actor}" if message.kind is MessageKind.RESOLUTION and actor and not is_said else ""


def _is_answered(message: Message) -> bool:
    return message.kind in (MessageKind.RESOLUTION, MessageKind.ACKNOWLEDGEMENT)


def _actions(message: Message) -> Iterator[ActionView]:
    for choice in message.choices:
        address = web_address(choice.address)
        if address:
            yield ActionView(choice.label, address)
    if message.is_notice:
        return
    for choice in message.approval.choices if message.approval else ():
        address = web_address(choice.address)
        if address:
            yield ActionView(choice.label, address)
    acknowledge, silence = web_address(message.links.acknowledge), web_address(message.links.silence)
    if acknowledge and not _is_answered(message):
        yield ActionView("Acknowledge", acknowledge)
    if silence and message.kind is not MessageKind.RESOLUTION:
        yield ActionView("Silence", silence)
    page = web_address(message.links.incident) or web_address(message.url)
    if page:
        is_answer = bool(message.how_to_acknowledge) and not acknowledge and not _is_answered(message)
        yield ActionView(f"Open incident #{message.incident_number}{' and acknowledge' if is_answer else ''}", page)


def _held_back(held: HeldBack, message: Message) -> HeldBackView:
    return HeldBackView(
        number=f"#{held.incident_number}",
        title=_without_severity(one_line(held.title, 160), held.severity).removeprefix("Resolved: "),
        state="resolved" if held.is_resolved else held.severity.value,
        ink=_RESOLVED_BAND[0] if held.is_resolved else _INKS[held.severity],
        since=clock_time(held.opened_at, message.composed_at),
    )


def _change(change: ChangeFacts, message: Message) -> ChangeView:
    distance = change.at - message.opened_at
    return ChangeView(
        at=clock_time(change.at, message.composed_at),
        when=f"{lasted(abs(distance))} {'before' if distance.total_seconds() < 0 else 'after'}",
        what=one_line(change.what, LINE),
    )


def _footer(message: Message) -> tuple[str, ...]:
    reason = one_line(message.reason, 100).replace("_", " ")
    incident = "" if message.is_test or message.is_notice else f", incident #{message.incident_number}"
    return (
        f"Sent to {one_line(message.recipient, 120)} at {absolute(message.composed_at)}: {reason}.",
        f"healthmgr{incident}, notification {message.notification_id}",
    )
