"""Requests that come again under one key: done once, answered as the first time, whatever dies in between."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import OperationalError

from healthmgr.services.repeating import DONE_WITHIN, KEPT_FOR
from healthmgr.storage.tables import access_tokens, audit_entries, repeatable_requests, silences
from tests.builders import make_check
from tests.serving import Client, Container, HttpClient

SILENCE = {"matchers": ["service=shop"], "comment": "Moving.", "lasts_for": "2h"}
PATH = "/api/v1/silences"


def keyed(key: str = "k-1") -> dict[str, str]:
    return {"Idempotency-Key": key}


def count(engine: Engine, table: Any) -> int:
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


@pytest.fixture
def responder(client_as: Client) -> HttpClient:
    return client_as("responder")


def test_the_same_again_is_answered_the_same_and_done_once(engine: Engine, responder: HttpClient) -> None:
    first, again = (responder.post(PATH, json=SILENCE, headers=keyed()) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert count(engine, silences) == 1
    other = responder.post(PATH, json=SILENCE, headers=keyed("k-2"))
    assert other.json()["id"] != first.json()["id"]


def test_another_request_under_the_key_is_refused(engine: Engine, responder: HttpClient) -> None:
    responder.post(PATH, json=SILENCE, headers=keyed())
    answer = responder.post(PATH, json=SILENCE | {"comment": "Else."}, headers=keyed())
    assert (answer.status_code, answer.json()["problems"][0]["path"]) == (422, "header.Idempotency-Key")
    assert responder.post(f"{PATH}/preview", json=SILENCE, headers=keyed()).status_code == 422
    assert count(engine, silences) == 1


def test_keys_of_other_tokens_are_other_keys(engine: Engine, client_as: Client, responder: HttpClient) -> None:
    mine, theirs = (client.post(PATH, json=SILENCE, headers=keyed()) for client in (responder, client_as("admin")))
    assert mine.json()["id"] != theirs.json()["id"]
    assert theirs.json()["created_by"] == "admin-token"


def test_what_was_refused_before_it_was_begun_leaves_the_key_free(client_as: Client, responder: HttpClient) -> None:
    assert client_as("viewer").post(PATH, json=SILENCE, headers=keyed()).status_code == 403
    assert responder.post(PATH, json={"comment": "No matchers."}, headers=keyed()).status_code == 422
    assert responder.post(PATH, json=SILENCE, headers=keyed()).status_code == 201
    for key in ("", "k" * 256):
        answer = responder.post(PATH, json=SILENCE, headers=keyed(key))
        assert (answer.status_code, answer.json()["problems"][0]["path"]) == (422, "header.Idempotency-Key")


def test_a_conflict_is_told_again(container: Container, responder: HttpClient) -> None:
    window = {"name": "move", "matchers": ["a=b"], "comment": "x", "window": {"cron": "0 2 * * 0", "duration": "1h"}}
    assert responder.post("/api/v1/maintenance", json=window).status_code == 201
    first = responder.post("/api/v1/maintenance", json=window, headers=keyed())
    assert responder.delete("/api/v1/maintenance/move").status_code == 204
    again = responder.post("/api/v1/maintenance", json=window, headers=keyed())
    assert (first.status_code, again.status_code) == (409, 409)
    assert again.content == first.content


@pytest.fixture
def held(container: Container) -> Iterator[threading.Event]:
    """A run of a check that is not done before this is set."""
    make_check(container.engine, "shop")
    may_end, run = threading.Event(), container.responding.run

    def slow(slug: str, **who: Any) -> None:
        assert may_end.wait(10)
        run(slug, **who)

    container.responding.run = slow  # type: ignore[method-assign]
    yield may_end
    may_end.set()


def test_of_two_at_once_one_is_done_and_the_other_hears_of_it(
    container: Container, responder: HttpClient, client_as: Client, held: threading.Event
) -> None:
    path = "/api/v1/checks/shop/run"
    token = dict(responder.headers)
    with ThreadPoolExecutor(4) as pool:
        clients = [client_as(None) for _ in range(4)]
        for client in clients:
            client.headers.update(token)
        sent = [pool.submit(client.post, path, headers=keyed()) for client in clients]
        while sum(each.done() for each in sent) < 3:
            threading.Event().wait(0.01)
        held.set()
        answers = sorted((each.result() for each in sent), key=lambda answer: answer.status_code)
    assert [answer.status_code for answer in answers] == [202, 409, 409, 409]
    assert "under way" in answers[1].json()["detail"]
    assert len(container.responding.calls) == 1
    assert responder.post(path, headers=keyed()).status_code == 202
    assert len(container.responding.calls) == 1


def test_what_failed_half_way_is_not_done_again(container: Container, responder: HttpClient) -> None:
    make_check(container.engine, "shop")
    container.responding.error = OperationalError("COMMIT", {}, Exception("the server closed the connection"))
    assert responder.post("/api/v1/checks/shop/run", headers=keyed()).status_code == 503
    container.responding.error = None
    answer = responder.post("/api/v1/checks/shop/run", headers=keyed())
    assert (answer.status_code, container.responding.calls) == (409, [])
    assert "Look whether it had an effect" in answer.json()["detail"]


def test_a_process_that_dies_leaves_a_key_that_is_under_way_and_later_unclear(
    container: Container, engine: Engine, responder: HttpClient
) -> None:
    assert responder.post(PATH, json=SILENCE, headers=keyed()).status_code == 201
    with engine.begin() as connection:  # as it was before the answer was kept
        connection.execute(repeatable_requests.update().values(stand="under_way", body=None, status=None))
    assert "under way" in responder.post(PATH, json=SILENCE, headers=keyed()).json()["detail"]
    container.clock.at += DONE_WITHIN
    answer = responder.post(PATH, json=SILENCE, headers=keyed())
    assert (answer.status_code, count(engine, silences)) == (409, 1)
    assert "Look whether it had an effect" in answer.json()["detail"]


def test_a_secret_is_not_kept_and_not_told_twice(engine: Engine, client_as: Client) -> None:
    admin = client_as("admin")
    first, again = (
        admin.post("/api/v1/tokens", json={"name": "spare", "role": "viewer"}, headers=keyed()) for _ in range(2)
    )
    assert (first.status_code, again.status_code) == (201, 409)
    assert "its answer is not kept" in again.json()["detail"]
    with engine.connect() as connection:
        row = connection.execute(select(repeatable_requests)).one()
    assert (row.stand, row.body, row.status) == ("withheld", None, None)
    assert first.json()["token"] not in str(row)
    assert count(engine, access_tokens) == 2


def test_a_key_is_forgotten_after_a_day(container: Container, engine: Engine, responder: HttpClient) -> None:
    assert responder.post(PATH, json=SILENCE, headers=keyed()).status_code == 201
    assert container.repeating.forget(container.clock.at + KEPT_FOR) == 0
    container.clock.at += KEPT_FOR + timedelta(seconds=1)
    answer = responder.post(PATH, json=SILENCE, headers=keyed())  # also where nobody has tidied up yet
    assert (answer.status_code, "Idempotency-Replayed" in answer.headers) == (201, False)
    assert count(engine, silences) == 2
    assert container.repeating.forget(container.clock.at + KEPT_FOR + timedelta(seconds=1)) == 1
    assert count(engine, repeatable_requests) == 0
    with engine.connect() as connection:
        assert connection.execute(select(audit_entries).where(audit_entries.c.action == "silence.created")).all()
