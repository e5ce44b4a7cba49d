"""Load balancers at their doors: /lb/SERVICE/INSTANCE, the agent's port, and what people see and change."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import Iterator, Mapping

import pytest
from sqlalchemy import Engine, make_url, select, text, update

from healthmgr.api.agent import Agent
from healthmgr.api.app import create_app
from healthmgr.api.balancer_answers import FRESH_FOR, KEPT_FOR, BalancerAnswers
from healthmgr.bootstrap import Healthmgr, build
from healthmgr.domain.balancing import Belief, Instance, Key, Seen, decide
from healthmgr.domain.check import Status
from healthmgr.errors import SettingsError, Unavailable
from healthmgr.settings import Settings
from healthmgr.storage.database import connect
from healthmgr.storage.tables import audit_entries, check_states
from tests.builders import NOW, make_check
from tests.faults.outside import eventually
from tests.serving import HttpClient, ServedApp

WEB_1 = Key("shop", "web-1")


@pytest.fixture(scope="module")
def installation(database_url: str) -> Iterator[Healthmgr]:
    healthmgr = build(Settings(database_url=database_url, secret_key="s" * 32), worker="api")
    yield healthmgr
    healthmgr.close()


@pytest.fixture(scope="module")
def server(installation: Healthmgr) -> Iterator[ServedApp]:
    server = ServedApp(create_app(installation))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def client(server: ServedApp, engine: Engine) -> Iterator[HttpClient]:
    """A balancer: it has no token."""
    make_check(engine, "web-1", service="shop", labels={"instance": "web-1"})
    make_check(engine, "web-2", service="shop", labels={"instance": "web-2"}, status="unhealthy")
    make_check(engine, "web-3", service="shop", labels={"instance": "10.0.0.3:80/a b"}, status="degraded")
    with HttpClient(server.url) as client:
        yield client


def with_role(installation: Healthmgr, client: HttpClient, role: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {installation.tokens.ensure(f'{role}-token', role, None, installation.now())}"}


def ask(client: HttpClient, path: str, method: str = "GET") -> tuple[int, str]:
    """The answer of a moment after whatever was known before."""
    time.sleep(FRESH_FOR)
    answer = client.request(method, path)
    return answer.status_code, answer.text


def test_an_instance_in_service_is_200_and_one_that_is_not_503_without_a_token(client: HttpClient) -> None:
    assert ask(client, "/lb/shop/web-1") == (200, "in service: healthy\n")
    assert ask(client, "/lb/shop/web-1/") == (200, "in service: healthy\n")
    assert ask(client, "/lb/shop/web-2") == (503, "out of service: unhealthy\n")
    assert ask(client, "/lb/shop/10.0.0.3:80%2Fa%20b") == (200, "in service with 50% of its weight: degraded\n")
    assert ask(client, "/lb/shop/web-9") == (404, "no check watches such an instance\n")
    assert ask(client, "/lb/%FF%00/..")[0] in (400, 404)


def test_head_and_options_are_answered_as_balancers_send_them(client: HttpClient) -> None:
    assert ask(client, "/lb/shop/web-1", "HEAD") == (200, "")
    assert ask(client, "/lb/shop/web-2", "HEAD") == (503, "")
    assert ask(client, "/lb/shop/web-1", "OPTIONS") == (200, "in service: healthy\n")
    refused = client.post("/lb/shop/web-1")
    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")


def test_the_answer_follows_the_state_at_once_and_no_balancer_stores_it(client: HttpClient, engine: Engine) -> None:
    assert ask(client, "/lb/shop/web-1")[0] == 200
    with engine.begin() as connection:
        connection.execute(update(check_states).values(status="unhealthy", hard_status="unhealthy", successes=0))
    assert ask(client, "/lb/shop/web-1") == (503, "out of service: unhealthy\n")
    assert client.get("/lb/shop/web-1").headers["cache-control"] == "no-store"


def test_people_see_all_of_a_service_with_a_token(client: HttpClient, installation: Healthmgr) -> None:
    assert client.get("/lb/shop").status_code == 401
    viewer = with_role(installation, client, "viewer")
    answer = client.get("/lb/shop", headers=viewer)
    assert answer.status_code == 200, answer.text
    items = answer.json()["items"]
    assert [(one["instance"], one["weight"]) for one in items] == [
        ("10.0.0.3:80/a b", 50), ("web-1", 100), ("web-2", 0),
    ]  # fmt: skip
    assert items[2]["cause"] == "unhealthy"
    assert items[2]["checks"][0]["check"] == "web-2"
    assert client.get("/api/v1/lb?service=shop", headers=viewer).json() == answer.json()
    assert client.get("/lb/nothing", headers=viewer).status_code == 404


def test_draining_needs_a_responder_is_audited_and_ends(
    client: HttpClient, installation: Healthmgr, engine: Engine
) -> None:
    address = "/api/v1/lb/shop/web-1"
    body = {"wanted": "drained", "lasts_for": "10m", "reason": "a new disk"}
    assert client.post(address, json=body, headers=with_role(installation, client, "viewer")).status_code == 403
    responder = with_role(installation, client, "responder")
    drained = client.post(address, json=body, headers=responder)
    assert drained.status_code == 200, drained.text
    assert drained.json()["is_drained"] is True
    assert drained.json()["wanted_by"] == "responder-token"
    assert ask(client, "/lb/shop/web-1") == (503, "draining\n")
    refused = client.post("/api/v1/lb/shop/10.0.0.3:80/a%20b", json={"wanted": "drained"}, headers=responder)
    assert refused.status_code == 409
    assert "the last instance in service" in refused.json()["detail"]
    enabled = client.post(address, json={"wanted": "enabled"}, headers=responder)
    assert enabled.json()["weight"] == 100
    with engine.connect() as connection:
        actions = select(audit_entries.c.action).where(audit_entries.c.target == "shop/web-1")
        assert connection.execute(actions).scalars().all() == ["balancing.drained", "balancing.enabled"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"wanted": "gone"}, "wanted"),
        ({"wanted": "drained", "lasts_for": "soon"}, "lasts_for"),
        ({"wanted": "drained", "lasts_for": "1h", "until": "2099-01-01T00:00:00Z"}, "lasts_for"),
        ({"wanted": "drained", "until": "2001-01-01T00:00:00Z"}, "until"),
        ({"wanted": "drained", "unit": 1}, "unit"),
    ],
)
def test_what_cannot_be_wanted_is_refused_by_field(
    client: HttpClient, installation: Healthmgr, body: dict[str, object], said: str
) -> None:
    answer = client.post("/api/v1/lb/shop/web-1", json=body, headers=with_role(installation, client, "responder"))
    assert answer.status_code == 422
    assert said in answer.text


def seen(status: Status = Status.HEALTHY) -> Mapping[Key, Seen]:
    instance = Instance(WEB_1, (Belief("web-1", status, True, status, True, 1, 1),))
    return {WEB_1: Seen(instance, decide(instance, NOW, 50))}


class Looking:
    """A database that answers, or does not; and a clock that is moved."""

    def __init__(self) -> None:
        self.looks = 0
        self.is_away = False
        self.at = 0.0
        self.takes = 0.0
        self.answers = BalancerAnswers(self.look, lambda: self.at, patience=10)

    def look(self) -> Mapping[Key, Seen]:
        self.looks += 1
        self.at += self.takes
        if self.is_away:
            raise Unavailable("PostgreSQL does not answer")
        return seen()


def test_a_thousand_balancers_at_once_cost_one_look() -> None:
    looking = Looking()

    async def many() -> None:
        found = await asyncio.gather(*(looking.answers.known() for _ in range(1000)))
        assert all(one.find("shop/web-1") for one in found)

    asyncio.run(many())
    assert looking.looks == 1


def test_a_look_that_takes_long_is_rested_from() -> None:
    looking = Looking()
    looking.takes = 0.3

    async def story() -> None:
        await looking.answers.known()
        looking.at += 0.8
        await looking.answers.known()
        assert looking.looks == 1
        looking.at += 1
        await looking.answers.known()
        assert looking.looks == 2

    asyncio.run(story())


def test_while_the_database_is_away_the_last_answer_is_told_for_an_hour() -> None:
    looking = Looking()

    async def story() -> None:
        assert (await looking.answers.known()).age == 0
        looking.is_away = True
        looking.at = 60
        known = await looking.answers.known()
        assert (known.age, known.is_old) == (60, True)
        assert known.find("shop/web-1") is not None
        await looking.answers.known()
        assert looking.looks == 2, "after a look that failed it is not tried at each request"
        looking.at = KEPT_FOR + 1
        with pytest.raises(Unavailable, match="Nothing is known of the last 60 min"):
            await looking.answers.known()
        looking.is_away, looking.at = False, looking.at + 2
        assert (await looking.answers.known()).age == 0

    asyncio.run(story())


def test_where_nothing_was_ever_known_that_is_said() -> None:
    looking = Looking()
    looking.is_away = True
    with pytest.raises(Unavailable, match="Nothing is known yet"):
        asyncio.run(looking.answers.known())


def say(port: int, *lines: bytes) -> bytes:
    """What the agent answers."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        for line in lines:
            connection.sendall(line)
        answer = b""
        while piece := connection.recv(4096):
            answer += piece
        return answer


def asked(looking: Looking, *conversations: tuple[bytes, ...]) -> list[bytes]:
    """The agent's answers to some connections, one after another."""

    async def serve() -> list[bytes]:
        agent = Agent(looking.answers)
        await agent.start("127.0.0.1", 0)
        try:
            return [await asyncio.to_thread(say, agent.port, *lines) for lines in conversations]
        finally:
            await agent.stop()

    return asyncio.run(serve())


def test_the_agent_answers_each_connection_in_one_line() -> None:
    assert asked(Looking(), (b"shop/web-1\n",), (b"sh", b"op/web-1\r\n"), (b"shop/web-9\n",)) == [
        b"ready up 100%\n",
        b"ready up 100%\n",
        b"down #no check watches it\n",
    ]


def test_the_agent_says_nothing_that_moves_a_server_when_it_is_asked_for_nothing_or_knows_nothing() -> None:
    away = Looking()
    away.is_away = True
    answers = asked(Looking(), (b"\n",), (), (b"x" * 5000,)) + asked(away, (b"shop/web-1\n",))
    assert [answer.split(b" ")[0] for answer in answers] == [b"unasked", b"unasked", b"unasked", b"unsure"]


def test_a_port_that_cannot_be_had_is_named_with_its_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held, pytest.raises(SettingsError, match="HEALTHMGR_AGENT_PORT"):
        asyncio.run(Agent(Looking().answers).start("127.0.0.1", held.getsockname()[1]))


def test_postgresql_goes_away_and_the_answers_stay_until_it_is_back(
    client: HttpClient, engine: Engine, database_url: str
) -> None:
    """Really away: nobody may connect to the database, and those who are connected are thrown out."""
    name = make_url(database_url).database
    admin = connect(make_url(database_url).set(database="postgres").render_as_string(hide_password=False))
    assert ask(client, "/lb/shop/web-1")[0] == 200
    engine.dispose()
    with admin.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
        try:
            connection.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"), {"name": name}
            )
            eventually(lambda: "as of" in client.get("/lb/shop/web-1").text, 10, "the answer says how old it is")
            assert client.get("/readyz").status_code == 503
            status, said = ask(client, "/lb/shop/web-1")
            assert status == 200
            assert re.fullmatch(r"in service: healthy \(as of \d+ s ago\)\n", said), said
            assert ask(client, "/lb/shop/web-2")[0] == 503
        finally:
            connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
    admin.dispose()
    eventually(lambda: client.get("/lb/shop/web-1").text == "in service: healthy\n", 10, "it is fresh again")
