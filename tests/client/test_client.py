"""The client against the real API over a real database."""

from __future__ import annotations

import asyncio
import inspect
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from sqlalchemy import Engine, select

from healthmgr.api.app import create_app
from healthmgr.bootstrap import Healthmgr, build
from healthmgr.client import AsyncClient, Client, ClientError, ping_address
from healthmgr.domain.check import Status
from healthmgr.settings import Settings
from healthmgr.storage.tables import heartbeats, results
from tests.builders import make_check
from tests.manager.conftest import Fleet
from tests.serving import SECRET_KEY, ServedApp


@pytest.fixture
def healthmgr(engine: Engine, database_url: str) -> Iterator[Healthmgr]:
    built = build(Settings(database_url=database_url, secret_key=SECRET_KEY), worker="test")
    built.upkeep.keep_partitions(built.now(), timedelta(days=1))
    yield built
    built.close()


@pytest.fixture
def url(healthmgr: Healthmgr) -> Iterator[str]:
    server = ServedApp(create_app(healthmgr))
    server.start()
    yield server.url
    server.stop()


def token(healthmgr: Healthmgr, role: str) -> str:
    made: str = healthmgr.tokens.ensure(f"{role}-token", role, None, healthmgr.now())
    return made


@pytest.fixture
def client(healthmgr: Healthmgr, url: str) -> Iterator[Client]:
    with Client(url, token(healthmgr, "admin")) as client:
        yield client


def later() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


def last_ping(engine: Engine) -> tuple[str, str]:
    with engine.connect() as connection:
        row = connection.execute(select(heartbeats)).one()
    return row.last_kind, row.last_detail


def test_a_result_is_pushed(client: Client, engine: Engine) -> None:
    make_check(engine, "shop", max_attempts=1)
    answer = client.push("shop", "degraded", "slow", response_time=0.5, metrics={"queued": 12})
    assert answer == {"slug": "shop", "sequence": 1, "status": "degraded", "is_hard": True}
    with engine.connect() as connection:
        row = connection.execute(select(results)).one()
    assert (row.message, row.response_time, row.metrics["queued"]) == ("slow", 0.5, 12.0)


def test_a_status_may_be_given_as_the_word_or_as_the_constant(client: Client, engine: Engine) -> None:
    make_check(engine, "shop", max_attempts=1)
    assert client.push("shop", Status.UNHEALTHY)["status"] == "unhealthy"


@pytest.mark.parametrize(("kind", "kept"), [("success", "success"), ("fail", "fail"), (3, "3")])
def test_a_ping_is_taken(client: Client, engine: Engine, kind: str | int, kept: str) -> None:
    make_check(engine, "backup", kind="heartbeat")
    client.ping("backup", kind, "42 files")
    assert last_ping(engine) == (kept, "42 files")


def test_a_job_pings_for_itself(client: Client, engine: Engine) -> None:
    make_check(engine, "backup", kind="heartbeat")
    with client.job("backup"):
        assert last_ping(engine)[0] == "start"
    assert last_ping(engine)[0] == "success"
    with pytest.raises(KeyError), client.job("backup"):
        raise KeyError("disk")
    assert last_ping(engine) == ("fail", "KeyError: 'disk'")


def test_an_address_is_pinged_without_a_token(healthmgr: Healthmgr, url: str, engine: Engine) -> None:
    make_check(engine, "backup", kind="heartbeat")
    address = healthmgr.pinging.address("backup", url)
    ping_address(address, "fail", "no space")
    assert last_ping(engine) == ("fail", "no space")
    with pytest.raises(ClientError, match="HTTP 404"):
        ping_address(address + "x")
    with pytest.raises(ClientError) as caught:
        ping_address("http://127.0.0.1:1/ping/backup/secretkey", timeout=1)
    assert "secretkey" not in str(caught.value)


def test_a_check_is_run_and_its_result_waited_for(client: Client, engine: Engine, healthmgr: Healthmgr) -> None:
    make_check(engine, "shop", next_due_at=later())
    with Fleet(healthmgr):
        result = client.run_and_wait("shop", timeout=10)
    assert (result["status"], result["cause"]) == ("healthy", "request")


def test_a_run_that_is_not_waited_for_is_ordered(client: Client, engine: Engine) -> None:
    make_check(engine, "shop", next_due_at=later())
    client.run("shop")
    assert datetime.fromisoformat(client.check("shop")["next_due_at"]) < later() - timedelta(minutes=59)
    assert client.status()["total_checks"] == 1


def test_waiting_in_vain_is_said_once_and_ordered_once(client: Client, engine: Engine) -> None:
    make_check(engine, "shop", next_due_at=later())
    with pytest.raises(ClientError, match="the order stands") as caught:
        client.run_and_wait("shop", timeout=0.2)
    assert caught.value.status == 503


@pytest.mark.parametrize(
    ("ask", "status", "said"),
    [
        (lambda c: c.push("shops", "healthy"), 404, "There is no check 'shops'"),
        (lambda c: c.push("shop", "fine"), 422, "status"),
        (lambda c: c.push("../status", "healthy"), 404, "HTTP|Not Found|no "),
        (lambda c: c.ping("shop"), 409, "only heartbeat checks take pings"),
    ],
)
def test_what_was_refused_says_why(client: Client, engine: Engine, ask: Any, status: int, said: str) -> None:
    make_check(engine, "shop")
    with pytest.raises(ClientError, match=said) as caught:
        ask(client)
    assert caught.value.status == status


def test_a_role_that_is_not_enough_is_said(healthmgr: Healthmgr, url: str, engine: Engine) -> None:
    make_check(engine, "shop")
    with Client(url, token(healthmgr, "viewer")) as client, pytest.raises(ClientError, match="role ingest"):
        client.push("shop", "healthy")


class Scripted(BaseHTTPRequestHandler):
    """Answers 503 as often as the server's `bad` says, then 201."""

    server: Any

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked += 1
        is_bad = self.server.asked <= self.server.bad
        body = json.dumps({"detail": "away"} if is_bad else {"slug": "shop"}).encode()
        self.send_response(503 if is_bad else 201)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def scripted() -> Iterator[Any]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Scripted)
    server.asked, server.bad = 0, 0
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(("bad", "asked"), [(0, 1), (2, 3)])
def test_what_changed_nothing_is_tried_again(scripted: Any, bad: int, asked: int) -> None:
    scripted.bad = bad
    with Client(f"http://127.0.0.1:{scripted.server_port}", "t") as client:
        assert client.push("shop", "healthy") == {"slug": "shop"}
    assert scripted.asked == asked


def test_what_stays_away_is_given_up_with_its_own_words(scripted: Any) -> None:
    scripted.bad = 1000
    with Client(f"http://127.0.0.1:{scripted.server_port}", "t") as client, pytest.raises(ClientError, match="away"):
        client.push("shop", "healthy")
    assert scripted.asked == 5


def test_nobody_there_is_said_with_the_address_and_without_the_token() -> None:
    with (
        Client("http://127.0.0.1:1", "hm_secret", timeout=1) as client,
        pytest.raises(ClientError, match=r"127\.0\.0\.1:1") as caught,
    ):
        client.status()
    assert caught.value.status is None
    assert "hm_secret" not in str(caught.value)


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_an_address_that_is_none_is_refused_at_once(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEALTHMGR_URL", raising=False)
    with pytest.raises(ClientError, match="HEALTHMGR_URL"):
        kind()
    with pytest.raises(ClientError):
        kind("ftp://127.0.0.1")


def test_address_and_token_may_come_from_the_environment(
    healthmgr: Healthmgr, url: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEALTHMGR_URL", url + "/")
    monkeypatch.setenv("HEALTHMGR_TOKEN", token(healthmgr, "viewer"))
    with Client() as client:
        assert client.status()["total_checks"] == 0


def test_many_coroutines_push_at_once(healthmgr: Healthmgr, url: str, engine: Engine) -> None:
    make_check(engine, "shop", max_attempts=1)
    make_check(engine, "backup", kind="heartbeat")

    async def push_all() -> list[dict[str, Any]]:
        async with AsyncClient(url, token(healthmgr, "admin")) as client, client.job("backup"):
            return list(await asyncio.gather(*(client.push("shop", "healthy") for _ in range(8))))

    answers = asyncio.run(push_all())
    assert sorted(answer["sequence"] for answer in answers) == list(range(1, 9))
    assert last_ping(engine)[0] == "success"


def test_both_clients_can_do_the_same() -> None:
    def able(kind: type) -> set[str]:
        return {name for name, _ in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_")}

    assert able(AsyncClient) == able(Client) - {"close"}
