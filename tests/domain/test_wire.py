"""Orders and results travel as JSON and arrive as they left; anything else is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthmgr.domain.check import Status
from healthmgr.domain.result import WIRE_VERSION, Cause, ProbeOrder, Result
from tests.domain.making import NOW, a_result, uid

instants = st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2099, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
texts = st.text(st.characters(codec="utf-8"), max_size=30)
documents = st.dictionaries(texts, st.none() | st.booleans() | st.integers() | texts | st.lists(texts), max_size=4)
sequences = st.integers(1, 2**62)

orders = st.builds(
    ProbeOrder,
    check_id=st.uuids(),
    slug=texts,
    kind=texts,
    config=documents,
    timeout=st.timedeltas(timedelta(milliseconds=1), timedelta(days=1)),
    sequence=sequences,
    start_by=instants,
    cause=st.sampled_from(Cause),
    slot_at=st.none() | instants,
    view=documents,
)
results = st.builds(
    Result,
    check_id=st.uuids(),
    sequence=sequences,
    status=st.sampled_from(Status),
    message=texts,
    response_time=st.floats(0, 1e6),
    started_at=instants,
    metrics=st.dictionaries(texts, st.floats(allow_nan=False, allow_infinity=False), max_size=4),
    cause=st.sampled_from(Cause),
    slot_at=st.none() | instants,
    worker=texts,
)

ORDER = ProbeOrder(
    check_id=uid(1),
    slug="api",
    kind="http",
    config={"url": "http://127.0.0.1/"},
    timeout=timedelta(seconds=10),
    sequence=7,
    start_by=NOW,
    cause=Cause.SLOT,
    slot_at=NOW,
)


@given(orders)
def test_an_order_arrives_as_it_left(order):
    assert ProbeOrder.from_wire(json.loads(json.dumps(order.to_wire()))) == order


@given(results)
def test_a_result_arrives_as_it_left(result):
    assert Result.from_wire(json.loads(json.dumps(result.to_wire()))) == result


@pytest.mark.parametrize("message", [ORDER, a_result()])
def test_a_message_names_the_version_of_its_form(message):
    assert message.to_wire()["version"] == WIRE_VERSION == 1


@pytest.mark.parametrize("message", [ORDER, a_result()])
def test_a_field_that_a_later_release_added_is_passed_over(message):
    assert type(message).from_wire(message.to_wire() | {"mood": "hopeful"}) == message


def test_moments_of_another_zone_are_the_same_moments():
    wire = a_result(started_at=NOW).to_wire() | {"started_at": "2026-03-01T14:00:00+02:00"}
    assert Result.from_wire(wire).started_at == NOW


FIELDS = [(ORDER, name) for name in ORDER.to_wire() if name != "version"]
FIELDS += [(a_result(), name) for name in a_result().to_wire() if name != "version"]


@pytest.mark.parametrize(("message", "field"), FIELDS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_message_without_one_of_its_fields_is_refused(message, field):
    wire = message.to_wire()
    del wire[field]
    with pytest.raises(KeyError, match=field):
        type(message).from_wire(wire)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("check_id", "not-an-id"),
        ("check_id", None),
        ("check_id", 7),
        ("sequence", "seven"),
        ("sequence", None),
        ("status", "fine"),
        ("status", None),
        ("response_time", "fast"),
        ("response_time", None),
        ("started_at", "yesterday"),
        ("started_at", None),
        ("started_at", 1772366400),
        ("started_at", "2026-03-01T12:00:00"),
        ("slot_at", "2026-03-01T12:00:00"),
        ("cause", "boredom"),
    ],
)
def test_a_result_with_a_value_that_cannot_be_is_refused(field, value):
    with pytest.raises(ValueError, match=r"."):
        Result.from_wire(a_result().to_wire() | {field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [("timeout", "10s"), ("timeout", None), ("start_by", None), ("start_by", "2026-03-01T12:00:00"), ("cause", 3)],
)
def test_an_order_with_a_value_that_cannot_be_is_refused(field, value):
    with pytest.raises(ValueError, match=r"."):
        ProbeOrder.from_wire(ORDER.to_wire() | {field: value})


@pytest.mark.parametrize("nonsense", [[], "result", None, 7])
@pytest.mark.parametrize("kind", [ProbeOrder, Result])
def test_what_is_no_message_at_all_is_refused(kind, nonsense):
    with pytest.raises(ValueError, match="not "):
        kind.from_wire(nonsense)
