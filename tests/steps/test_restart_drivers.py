"""`service_restart` by Docker, Kubernetes, systemd and a program: against servers and a systemctl that play them."""

from __future__ import annotations

import json
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import ValidationError

from healthmgr.errors import StepError
from healthmgr.steps import restart_kubernetes

Answer = tuple[int, Any]


class Player:
    """Keeps what was asked, and answers as `play(method, path, body)` says."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.play: Callable[[str, str, bytes], Answer] = lambda *_: (404, {"message": "no such thing"})

    def handler(self) -> type[BaseHTTPRequestHandler]:
        player = self

        class Handler(BaseHTTPRequestHandler):
            def address_string(self) -> str:
                return "socket"

            def log_message(self, *_: Any) -> None:
                pass

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                player.asked.append((self.command, self.path, dict(self.headers), body))
                status, said = player.play(self.command, self.path, body)
                text = b"" if status == 204 else json.dumps(said).encode()
                self.send_response(status)
                if status != 204:
                    self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PATCH = answer  # noqa: N815 - the library's names

        return Handler


class SocketServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


@pytest.fixture
def player() -> Player:
    return Player()


@pytest.fixture
def docker(player: Player, tmp_path: Path) -> Iterator[str]:
    path = tmp_path / "docker.sock"
    with SocketServer(str(path), player.handler()) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"unix://{path}"
        server.shutdown()


@pytest.fixture
def kubernetes(player: Player, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Its address, and the file of its authority."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    ca_file = tmp_path / "ca.crt"
    authority.cert_pem.write_to_path(ca_file)
    with ThreadingHTTPServer(("127.0.0.1", 0), player.handler()) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"https://127.0.0.1:{server.server_address[1]}", str(ca_file)
        server.shutdown()


def container(started_at: str, **more: Any) -> Answer:
    return 200, {
        "State": {"Running": True, "StartedAt": started_at, "Pid": len(started_at), "Status": "running", **more}
    }


class Docker:
    """A container that is back at the second look, and healthy at the third."""

    def __init__(self, health: list[str] | None = None) -> None:
        self.restarts = 0
        self.looks = 0
        self.health = health or []

    def __call__(self, method: str, path: str, _: bytes) -> Answer:
        if method == "POST":
            self.restarts += 1
            return 204, None
        if not self.restarts:
            return container("before")
        self.looks += 1
        health = self.health[min(self.looks, len(self.health)) - 1] if self.health else ""
        more = {"Health": {"Status": health}} if health else {}
        return container("afterwards", Running=self.looks > 1, **more)


def test_docker_restarts_a_container_once_and_it_is_seen_to_be_new(run, player, docker):
    player.play = Docker()
    outcome = run("service_restart", {"service": "shop_web.1", "driver": "docker", "url": docker})
    assert player.play.restarts == 1
    assert outcome.facts == {"pid_before": len("before"), "pid": len("afterwards")}
    assert [path for method, path, *_ in player.asked if method == "POST"] == ["/containers/shop_web.1/restart?t=7"]


def test_docker_is_told_to_kill_where_that_is_wanted_and_not_waited_for(run, player, docker):
    player.play = Docker()
    config = {"service": "shop", "driver": "docker", "url": docker, "graceful": False, "wait": False}
    run("service_restart", config)
    assert player.asked[-1][1] == "/containers/shop/restart?t=0"


def test_a_container_with_a_health_check_has_to_be_healthy(run, player, docker):
    player.play = Docker(["starting", "starting", "healthy"])
    run("service_restart", {"service": "shop", "driver": "docker", "url": docker})
    assert player.play.looks >= 3
    player.play = Docker(["unhealthy"])
    with pytest.raises(StepError, match="not back in time: its health is unhealthy") as caught:
        run("service_restart", {"service": "shop", "driver": "docker", "url": docker}, seconds=1.5)
    assert caught.value.is_timeout


@pytest.mark.parametrize(("status", "permanent"), [(404, True), (500, False)])
def test_what_docker_refuses(run, player, docker, status, permanent):
    player.play = lambda *_: (status, {"message": "No such container: shop"})
    with pytest.raises(StepError, match="No such container") as caught:
        run("service_restart", {"service": "shop", "driver": "docker", "url": docker})
    assert caught.value.permanent is permanent


def test_docker_that_is_not_there_is_temporary(run, tmp_path):
    with pytest.raises(StepError, match="no connection: No such file") as caught:
        run("service_restart", {"service": "shop", "driver": "docker", "url": f"unix://{tmp_path}/none.sock"})
    assert not caught.value.permanent


class Rollout:
    """A deployment whose controller needs some looks to carry out what is wanted."""

    def __init__(self, *statuses: dict[str, Any]) -> None:
        self.generation = 7
        self.patch: dict[str, Any] = {}
        self._statuses = list(statuses)

    def __call__(self, method: str, path: str, body: bytes) -> Answer:
        if method == "PATCH":
            self.generation += 1
            self.patch = json.loads(body)
        status = self._statuses.pop(0) if len(self._statuses) > 1 and method == "GET" else self._statuses[0]
        return 200, {"metadata": {"generation": self.generation}, "spec": {"replicas": 2}, "status": status}


OLD = {"observedGeneration": 7, "updatedReplicas": 2, "availableReplicas": 2, "replicas": 2}
HALF = {"observedGeneration": 8, "updatedReplicas": 1, "availableReplicas": 2, "replicas": 3}
NEW = {**OLD, "observedGeneration": 8}


def test_kubernetes_rolls_out_anew_and_is_waited_for(run, player, kubernetes):
    url, ca_file = kubernetes
    player.play = Rollout(OLD, HALF, NEW)
    config = {
        "service": "shop",
        "driver": "kubernetes",
        "url": url,
        "token": "s3cret-word",
        "ca_file": ca_file,
        "namespace": "live",
    }
    outcome = run("service_restart", config)
    assert outcome.facts == {"generation": 8}
    annotations = player.play.patch["spec"]["template"]["metadata"]["annotations"]
    assert list(annotations) == ["kubectl.kubernetes.io/restartedAt"]
    method, path, headers, _ = player.asked[0]
    assert (method, path) == ("PATCH", "/apis/apps/v1/namespaces/live/deployments/shop")
    assert headers["Authorization"] == "Bearer s3cret-word"
    assert headers["Content-Type"] == "application/strategic-merge-patch+json"
    assert [method for method, *_ in player.asked] == ["PATCH", "GET", "GET", "GET"]


def test_a_rollout_that_stands_still_is_not_done(run, player, kubernetes):
    url, ca_file = kubernetes
    config = {"service": "shop", "driver": "kubernetes", "url": url, "token": "t", "ca_file": ca_file}
    player.play = Rollout(HALF)
    with pytest.raises(StepError, match="of 2 replicas 1 are updated and 2 available, 3 in all") as caught:
        run("service_restart", config, seconds=1.5)
    assert caught.value.is_timeout
    stuck = {"type": "Progressing", "reason": "ProgressDeadlineExceeded", "message": "ReplicaSet has timed out"}
    player.play = Rollout({**OLD, "conditions": [stuck]})
    with pytest.raises(StepError, match="does not roll out: ReplicaSet has timed out"):
        run("service_restart", config)


def test_a_cluster_whose_certificate_is_not_trusted_is_told_nothing(run, player, kubernetes):
    config = {"service": "shop", "driver": "kubernetes", "url": kubernetes[0], "token": "t"}
    with pytest.raises(StepError, match="certificate is not valid") as caught:
        run("service_restart", config)
    assert caught.value.permanent
    assert player.asked == []


def test_within_a_cluster_the_service_account_is_used(run, player, kubernetes, tmp_path, monkeypatch):
    (tmp_path / "token").write_text("account-token\n", encoding="utf-8")
    monkeypatch.setattr(restart_kubernetes, "ACCOUNT", tmp_path)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", kubernetes[0].rpartition(":")[2])
    player.play = Rollout(NEW)
    run("service_restart", {"service": "shop", "driver": "kubernetes", "wait": False})
    assert player.asked[0][2]["Authorization"] == "Bearer account-token"


def test_outside_a_cluster_an_address_has_to_be_said(run, tmp_path, monkeypatch):
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(StepError, match="say url, token and ca_file") as caught:
        run("service_restart", {"service": "shop", "driver": "kubernetes", "token": "t"})
    assert caught.value.permanent


# systemd itself does not run in a test: this program stands where systemctl does, and keeps a unit in a file.
SYSTEMCTL = """
import json, pathlib, sys
state = pathlib.Path(__file__).with_name("unit.json")
unit = json.loads(state.read_text()) if state.exists() else {"id": 1, "asked": [], "slow": 0, "outcome": "active"}
words = sys.argv[1:]
assert words[0] == "--no-ask-password" and words[-2] == "--", words
unit["asked"].append(words[1:])
active = "active"
if words[1] == "restart":
    unit["id"] += 1
    unit["slow"] = 2
elif words[1] == "show" and unit["id"] > 1:
    unit["slow"] -= 1
    active = "activating" if unit["slow"] > 0 else unit["outcome"]
state.write_text(json.dumps(unit))
if words[1] == "show":
    known = "loaded" if words[-1] == "shop.service" else "not-found"
    print(f"LoadState={known}\\nActiveState={active}\\nSubState=x")
    print(f"MainPID={unit['id'] * 100}\\nInvocationID={unit['id']}")
"""


@pytest.fixture
def systemctl(script, tmp_path, monkeypatch) -> Path:
    """The file in which the unit is kept."""
    Path(script(SYSTEMCTL)).rename(tmp_path / "systemctl")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return tmp_path / "unit.json"


def test_systemd_restarts_a_unit_and_it_is_seen_to_be_new(run, systemctl):
    outcome = run("service_restart", {"service": "shop.service"})
    assert outcome.facts == {"pid_before": 100, "pid": 200}
    asked = json.loads(systemctl.read_text())["asked"]
    assert [words for words in asked if words[0] != "show"] == [["restart", "--", "shop.service"]]


def test_systemd_kills_first_where_that_is_wanted(run, systemctl):
    run("service_restart", {"service": "shop.service", "graceful": False, "wait": False})
    asked = json.loads(systemctl.read_text())["asked"]
    assert asked[1:] == [
        ["kill", "--signal=SIGKILL", "--", "shop.service"],
        ["restart", "--no-block", "--", "shop.service"],
    ]


def test_a_unit_that_fails_to_start_or_is_not_there(run, systemctl):
    with pytest.raises(StepError, match="has no unit other") as caught:
        run("service_restart", {"service": "other.service"})
    assert caught.value.permanent
    systemctl.write_text(json.dumps({"id": 1, "asked": [], "slow": 0, "outcome": "failed"}))
    with pytest.raises(StepError, match="failed to start"):
        run("service_restart", {"service": "shop.service"})


def test_where_systemd_does_not_run_that_is_said(run, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StepError, match="systemctl is not there") as caught:
        run("service_restart", {"service": "shop"})
    assert caught.value.permanent


def test_a_program_that_is_allowed_restarts_a_service(run, script, allow):
    program = script("import sys; print('restarted', sys.argv[1])")
    config = {"service": "shop", "driver": "command", "command": [program, "shop"]}
    assert run("service_restart", config).output == "restarted shop"
    allow()
    with pytest.raises(StepError, match="may not be run"):
        run("service_restart", config)


@pytest.mark.parametrize("service", ["--force", "-H evil", "a b", "a/../b", "a;b", "$(x)", "", "a\nb", "ä" * 3])
def test_what_cannot_be_a_service_is_refused(registry, service):
    with pytest.raises(ValidationError):
        registry.step_type("service_restart").Config(service=service)


def test_a_command_goes_with_its_driver_alone(registry):
    model = registry.step_type("service_restart").Config
    for wrong in ({"driver": "command"}, {"driver": "docker", "command": ["x"]}):
        with pytest.raises(ValidationError, match="command"):
            model(service="shop", **wrong)
