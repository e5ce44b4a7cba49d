"""Alertmanager's API version 2 on the wire: alerts and times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Strict, TypeAdapter, ValidationError

from healthmgr.api.moments import in_utc
from healthmgr.domain.alertmanager import RESOLVE_TIMEOUT, Board, OpenAlert, Quiet
from healthmgr.domain.incoming import IncomingAlert, incoming


def _in_utc(at: datetime) -> datetime:
    """The same in UTC where that can be said: a time beyond the calendar is no reason to refuse an alert."""
    try:
        return in_utc(at)
    except ValueError:
        return at


Instant = Annotated[AwareDatetime, Strict(), AfterValidator(_in_utc)]
MOST_SAID = 10  # faults in one answer


class PostedAlert(BaseModel):
    """An alert as Prometheus and amtool send it. Go's zero time, year 1, is a time that was not given."""

    model_config = ConfigDict(extra="ignore")

    labels: dict[str, str]
    annotations: dict[str, str] | None = None
    startsAt: Instant | None = None  # noqa: N815 - the wire's name
    endsAt: Instant | None = None  # noqa: N815
    generatorURL: str | None = None  # noqa: N815


_POSTED = TypeAdapter(list[PostedAlert])


def read_alerts(body: bytes) -> list[PostedAlert]:
    """The alerts of a body, not looked at yet. Raises ValueError when it is no list of alerts at all."""
    posted: list[PostedAlert] = parse(_POSTED, body)
    return posted


def sort_out(
    posted: Sequence[PostedAlert], now: datetime, lasts_for: timedelta | None
) -> tuple[list[IncomingAlert], str]:
    """Those that can be used, in our words, and what is wrong with the others, in a line ("": nothing).

    One without an end lasts so long, or until it is said to be over.
    """
    good, faults = [], []
    for number, each in enumerate(posted):
        try:
            good.append(_to_incoming(each, now, lasts_for))
        except ValueError as error:
            faults.append(f"alert {number}: {error}")
    more = [f"and {len(faults) - MOST_SAID} more"] if len(faults) > MOST_SAID else []
    return good, "; ".join(faults[:MOST_SAID] + more)


def parse(adapter: TypeAdapter[Any], body: bytes) -> Any:
    """A body in its form. Raises ValueError that says what is wrong with it, without repeating what it holds."""
    try:
        return adapter.validate_json(body)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False, include_context=False)
        said = [f"{'.'.join(str(part) for part in fault['loc'])[:80]}: {fault['msg']}" for fault in faults[:MOST_SAID]]
        raise ValueError("; ".join(said).removeprefix(": ")) from error


def _to_incoming(posted: PostedAlert, now: datetime, lasts_for: timedelta | None) -> IncomingAlert:
    starts_at, ends_at = _given(posted.startsAt), _given(posted.endsAt)
    return incoming(
        posted.labels,
        now=now,
        annotations=posted.annotations,
        starts_at=starts_at,
        ends_at=now + lasts_for if ends_at is None and lasts_for is not None else ends_at,
        source_url=posted.generatorURL or "",
    )


def _given(at: datetime | None) -> datetime | None:
    """A time, unless it is Go's zero."""
    return None if at is None or at.year <= 1 else at


def to_wire(alert: OpenAlert, receivers: list[str], quiet: Quiet, now: datetime) -> dict[str, Any]:
    """An alert as it is told."""
    annotations = {"summary": alert.summary, **alert.annotations} if alert.summary else alert.annotations
    return {
        "labels": alert.told_labels,
        "annotations": dict(annotations),
        "receivers": [{"name": name} for name in receivers],
        "fingerprint": alert.fingerprint,
        "startsAt": moment(alert.started_at),
        "updatedAt": moment(alert.updated_at),
        # What has no end goes on: it is told as what would be renewed in time.
        "endsAt": moment(alert.ends_at or now + RESOLVE_TIMEOUT),
        "generatorURL": alert.source_url,
        "status": {
            "state": quiet.state,
            "silencedBy": list(quiet.silenced_by),
            "inhibitedBy": list(quiet.inhibited_by),
            "mutedBy": list(quiet.muted_by),
        },
    }


def to_groups(board: Board, told: Mapping[int, dict[str, Any]]) -> list[dict[str, Any]]:
    """The alerts of `told`, by their place on the board, in the groups in which people hear of them."""
    groups: dict[str, dict[str, Any]] = {}
    for place, wire in told.items():
        alert = board.alerts[place]
        grouping = board.directory.grouping(alert.subject.labels, alert.severity)
        group = groups.setdefault(
            grouping.key,
            {
                "labels": {name: value for name, value in grouping.labels.items() if value},
                "receiver": wire["receivers"][-1],
                "alerts": [],
            },
        )
        group["alerts"].append(wire)
    return [groups[key] for key in sorted(groups)]


def moment(at: datetime) -> str:
    """An instant as Alertmanager writes it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
