"""The door for jobs: what curl in a crontab meets."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from sqlalchemy import Engine, select
from structlog.testing import capture_logs

from healthmgr.services.pinging import ping_key
from healthmgr.storage.tables import heartbeats
from tests.builders import NOW, make_check
from tests.serving import SECRET_KEY, Client, ServedApp


@pytest.fixture
def address(engine: Engine) -> str:
    return f"/ping/backup/{ping_key(SECRET_KEY, make_check(engine, 'backup', kind='heartbeat'))}"


def heartbeat(engine: Engine) -> Any:
    with engine.connect() as connection:
        return connection.execute(select(heartbeats)).one()


WAYS = [("", "success"), ("/start", "start"), ("/fail", "fail"), ("/0", "0"), ("/137", "137"), ("/success", "success")]


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_each_way_of_pinging_is_kept(engine: Engine, client_as: Client, address: str, method: str) -> None:
    client = client_as(None)
    for count, (suffix, kind) in enumerate(WAYS, start=1):
        answer = client.request(method, address + suffix)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain")
        assert method == "HEAD" or answer.text == "OK\n"
        row = heartbeat(engine)
        assert (row.last_kind, row.last_ping_at, row.ping_count) == (kind, NOW, count)


RUN = "0190b5a1-0000-7000-8000-000000000001"


def test_a_run_id_tells_runs_apart(engine: Engine, client_as: Client, address: str) -> None:
    client = client_as(None)
    client.get(f"{address}/start?rid={RUN}")
    client.get(f"{address}?rid={RUN[:-1]}2")
    assert str(heartbeat(engine).run_id) == RUN
    client_as("ingest").post("/api/v1/checks/backup/ping", json={"run_id": RUN})
    assert (heartbeat(engine).run_id, heartbeat(engine).started_at) == (None, None)


def test_a_run_id_that_is_none_is_refused_and_keeps_nothing(engine: Engine, client_as: Client, address: str) -> None:
    assert client_as(None).get(f"{address}/start?rid=tuesday").status_code == 422
    assert heartbeat(engine).ping_count == 0


def test_a_log_keeps_words_without_being_a_sign_of_life(engine: Engine, client_as: Client, address: str) -> None:
    assert client_as(None).post(address + "/log", data="half way").status_code == 200
    assert (heartbeat(engine).last_kind, heartbeat(engine).last_detail) == (None, "half way")


@pytest.mark.parametrize("size", [10_001, 300_000, 3_000_000])
def test_the_beginning_of_a_long_body_is_kept_and_the_rest_ignored(
    engine: Engine, client_as: Client, address: str, size: int
) -> None:
    assert client_as(None).post(address, data=b"a" * size).status_code == 200
    assert heartbeat(engine).last_detail == "a" * 10_000


def test_a_body_that_is_no_text_is_kept_as_far_as_it_goes(engine: Engine, client_as: Client, address: str) -> None:
    assert client_as(None).post(address, data=b"ok \xff\x00").status_code == 200
    assert heartbeat(engine).last_detail == "ok \ufffd\ufffd"


def test_a_wrong_key_is_not_found_and_keeps_nothing(engine: Engine, client_as: Client, address: str) -> None:
    client = client_as(None)
    for wrong in (address[:-1] + ("A" if address[-1] != "A" else "B"), "/ping/ghost/key", "/ping/backup/%C3%A9"):
        assert client.get(wrong).status_code == 404
    assert heartbeat(engine).ping_count == 0


@pytest.mark.parametrize("kind", ["256", "ok", "-1"])
def test_a_word_that_is_not_known_is_refused(engine: Engine, client_as: Client, address: str, kind: str) -> None:
    assert client_as(None).get(f"{address}/{kind}").status_code == 422
    assert heartbeat(engine).ping_count == 0


@pytest.mark.parametrize(("sent", "kind"), [({}, "success"), ({"kind": "fail"}, "fail"), ({"kind": 3}, "3")])
def test_a_ping_with_a_token_is_kept(
    engine: Engine, client_as: Client, address: str, sent: dict[str, Any], kind: str
) -> None:
    answer = client_as("ingest").post("/api/v1/checks/backup/ping", json={**sent, "detail": "42 files"})
    assert (answer.status_code, answer.json()) == (202, {"is_recorded": True})
    assert (heartbeat(engine).last_kind, heartbeat(engine).last_detail) == (kind, "42 files")


def test_a_responder_is_shown_the_address(client_as: Client, address: str) -> None:
    answer = client_as("responder").get("/api/v1/checks/backup/ping-address")
    assert answer.json() == {"url": f"https://hm.example.com{address}"}
    assert client_as("viewer").get("/api/v1/checks/backup/ping-address").status_code == 403


def test_a_check_of_another_kind_takes_no_ping(engine: Engine, client_as: Client) -> None:
    make_check(engine, "api")
    assert client_as("ingest").post("/api/v1/checks/api/ping").status_code == 409


def test_a_job_that_dies_while_it_speaks_has_not_pinged(
    engine: Engine, client_as: Client, address: str, served: ServedApp
) -> None:
    with capture_logs() as logged, socket.create_connection(served.address) as connection:
        connection.sendall(f"POST {address} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf".encode())
        connection.shutdown(socket.SHUT_RDWR)
    assert client_as(None).get("/readyz").status_code == 200
    assert heartbeat(engine).ping_count == 0
    assert logged == []
