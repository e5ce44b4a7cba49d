"""Instances out of real rows: which checks make one, what was believed before, and two who drain at once."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select

from healthmgr.domain.balancing import Cause, Key, Seen, Wanted
from healthmgr.errors import Conflict, DefinitionError, NotFound
from healthmgr.services.balancing import Balancing
from healthmgr.storage.balancing_rows import BalancingRows
from healthmgr.storage.tables import audit_entries
from healthmgr.storage.transactions import Transactions
from tests.builders import NOW, make_alert, make_check, make_transition

WEB_1, WEB_2 = Key("shop", "web-1"), Key("shop", "web-2")


@pytest.fixture
def balancing(engine: Engine) -> Balancing:
    return Balancing(Transactions(engine, BalancingRows), 50)


def make_instance(engine: Engine, slug: str, instance: str = "", **over: object) -> None:
    make_check(engine, slug, service="shop", labels={"instance": instance} if instance else {}, **over)


def causes(seen: Mapping[Key, Seen]) -> dict[str, str]:
    return {str(key): one.answer.cause.value for key, one in seen.items()}


def test_checks_with_the_same_label_are_one_instance_and_others_are_called_like_their_slugs(
    engine: Engine, balancing: Balancing
) -> None:
    make_instance(engine, "web-1-http", "web-1")
    make_instance(engine, "web-1-disk", "web-1", status="degraded")
    make_instance(engine, "till")
    make_instance(engine, "gone", "web-9", is_enabled=False)
    make_check(engine, "no-service", labels={"instance": "web-1"})
    make_check(engine, "blog-1", service="blog", labels={"instance": "web-1"}, status="unhealthy")
    seen = balancing.view(NOW)
    assert causes(seen) == {"blog/web-1": "unhealthy", "shop/till": "healthy", "shop/web-1": "degraded"}
    assert [belief.check for belief in seen[WEB_1].instance.beliefs] == ["web-1-disk", "web-1-http"]
    assert set(balancing.view(NOW, "shop")) == {WEB_1, Key("shop", "till")}
    assert balancing.view(NOW, "nothing") == {}


def test_one_that_was_never_probed_is_not_in_service(engine: Engine, balancing: Balancing) -> None:
    make_instance(engine, "new", status="unknown", since_at=None, successes=0)
    assert causes(balancing.view(NOW)) == {"shop/new": "never_seen_healthy"}


def test_what_cannot_be_told_keeps_the_last_hard_status_that_could(engine: Engine, balancing: Balancing) -> None:
    for slug, before in (("was-up", "healthy"), ("was-down", "unhealthy"), ("never-told", "unknown")):
        check = make_check(engine, slug, service="shop", status="unknown", successes=0)
        at = NOW - timedelta(minutes=9)
        make_transition(
            engine, check, at=at - timedelta(hours=2), new_status="degraded" if before != "unknown" else before
        )
        make_transition(engine, check, at=at - timedelta(hours=1), new_status=before)
        make_transition(engine, check, at=at, old_status=before, new_status="unhealthy", is_hard=False)
        make_transition(engine, check, at=NOW, old_status="unhealthy", new_status="unknown")
    found = causes(balancing.view(NOW))
    assert found == {"shop/was-up": "healthy", "shop/was-down": "unhealthy", "shop/never-told": "never_seen_healthy"}


def test_one_that_was_down_comes_back_after_as_many_good_results_as_its_check_asks_for(
    engine: Engine, balancing: Balancing
) -> None:
    for slug, successes in (("first", 1), ("third", 3)):
        check = make_check(engine, slug, service="shop", success_threshold=3, successes=successes)
        make_alert(engine, check, status="unhealthy")
    assert causes(balancing.view(NOW)) == {"shop/first": "recovering", "shop/third": "healthy"}


def test_what_is_wanted_holds_until_something_else_is_and_is_audited(engine: Engine, balancing: Balancing) -> None:
    make_instance(engine, "a", "web-1")
    make_instance(engine, "b", "web-2")
    until = NOW + timedelta(minutes=5)
    drained = balancing.set_wanted(
        "shop", "web-1", Wanted.DRAINED, "alice", NOW, origin="api 192.0.2.7", reason="a new disk", until=until
    )
    assert drained.answer.is_drained
    assert balancing.view(NOW)[WEB_1] == drained
    assert not balancing.view(until)[WEB_1].answer.is_drained
    assert balancing.set_wanted("shop", "web-1", "enabled", "bob", NOW).answer.weight == 100
    assert balancing.view(NOW)[WEB_1].instance.wish is not None
    with engine.connect() as connection:
        rows = connection.execute(select(audit_entries).order_by(audit_entries.c.id)).mappings().all()
    assert [(row["actor"], row["origin"], row["action"], row["target"]) for row in rows] == [
        ("alice", "api", "balancing.drained", "shop/web-1"),
        ("bob", "runbook", "balancing.enabled", "shop/web-1"),
    ]
    assert rows[0]["detail"] == {
        "reason": "a new disk", "until": until.isoformat(), "may_be_last": False, "from": "192.0.2.7",
    }  # fmt: skip


def test_the_last_one_is_drained_only_when_that_is_meant(engine: Engine, balancing: Balancing) -> None:
    make_instance(engine, "a", "web-1")
    make_instance(engine, "b", "web-2", status="unhealthy")
    with pytest.raises(Conflict, match="shop/web-1 is the last instance in service of shop: draining it would leave"):
        balancing.set_wanted("shop", "web-1", Wanted.DRAINED, "alice", NOW)
    assert balancing.set_wanted("shop", "web-2", Wanted.DRAINED, "alice", NOW).answer.cause is Cause.UNHEALTHY
    assert balancing.set_wanted("shop", "web-1", Wanted.DRAINED, "alice", NOW, may_be_last=True).answer.is_drained


def test_of_two_who_drain_the_last_two_at_once_one_is_refused(engine: Engine, balancing: Balancing) -> None:
    make_instance(engine, "a", "web-1")
    make_instance(engine, "b", "web-2")
    for _ in range(10):
        gate, outcomes = threading.Barrier(2), list[str]()

        def drain(instance: str, gate: threading.Barrier = gate, outcomes: list[str] = outcomes) -> None:
            gate.wait(10)
            try:
                balancing.set_wanted("shop", instance, Wanted.DRAINED, "alice", NOW)
                outcomes.append("drained")
            except Conflict:
                outcomes.append("refused")

        threads = [threading.Thread(target=drain, args=(key.instance,)) for key in (WEB_1, WEB_2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert sorted(outcomes) == ["drained", "refused"]
        for key in (WEB_1, WEB_2):
            balancing.set_wanted("shop", key.instance, Wanted.ENABLED, "alice", NOW)


def test_what_there_is_not_is_refused_with_the_nearest_name(engine: Engine, balancing: Balancing) -> None:
    make_instance(engine, "a", "web-1")
    with pytest.raises(NotFound, match=r"No check watches shop/web-l: did you mean shop/web-1\?"):
        balancing.set_wanted("shop", "web-l", Wanted.DRAINED, "alice", NOW)
    with pytest.raises(NotFound, match="No check has the service 'blog': write `service: blog`"):
        balancing.set_wanted("blog", "web-1", Wanted.DRAINED, "alice", NOW)
    with pytest.raises(DefinitionError, match="until: it lies in the past"):
        balancing.set_wanted("shop", "web-1", Wanted.DRAINED, "alice", NOW, until=NOW)
    with pytest.raises(DefinitionError, match="until: only draining ends by itself"):
        balancing.set_wanted("shop", "web-1", Wanted.ENABLED, "alice", NOW, until=NOW + timedelta(hours=1))
