"""The fleet's compose file: complete, restartable, without secrets, and accepted by the client where there is one."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from healthmgr.settings import Settings
from workers.queues import QUEUES

_ROOT = Path(__file__).parents[1]
_ONE_SHOT = "migrate"
# What a container of its own settles: no servers in a data folder, and an address given on the command line.
_SETTLED_OTHERWISE = {"HEALTHMGR_DATA", "HEALTHMGR_HOST", "HEALTHMGR_PORT"}
_PASSWORDS = ("POSTGRES_PASSWORD", "REDIS_PASSWORD", "FLOWER_PASSWORD", "HEALTHMGR_SECRET_KEY")


@pytest.fixture(scope="module")
def text() -> str:
    return (_ROOT / "docker-compose.yml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def services(text: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = yaml.safe_load(text)["services"]
    return found


def ours(services: Mapping[str, Any]) -> dict[str, Any]:
    return {name: service for name, service in services.items() if service["image"].startswith("healthmgr:")}


def test_every_queue_has_a_worker_service_of_its_own(services: Mapping[str, Any]) -> None:
    commands = {name: service["command"] for name, service in services.items() if name.startswith("worker-")}
    assert commands == {f"worker-{queue}": ["healthmgr", "worker", queue] for queue in QUEUES}


def test_there_are_two_beats(services: Mapping[str, Any]) -> None:
    assert services["beat"]["command"] == ["healthmgr", "beat"]
    assert services["beat"]["deploy"]["replicas"] == 2


def test_what_is_scaled_has_neither_a_name_nor_a_port_that_only_one_can_have(services: Mapping[str, Any]) -> None:
    for name, service in services.items():
        assert "container_name" not in service, name
        if name not in ("api", "flower"):
            assert "ports" not in service, name


def test_what_runs_for_long_is_started_again_examined_and_given_time_to_stop(services: Mapping[str, Any]) -> None:
    for name, service in services.items():
        if name == _ONE_SHOT:
            assert service["restart"] == "no"
            continue
        assert service["restart"] == "unless-stopped", name
        assert service["healthcheck"]["test"], name
        assert service["stop_grace_period"], name


def test_nothing_is_privileged_and_our_own_parts_hold_no_rights_at_all(services: Mapping[str, Any]) -> None:
    for name, service in services.items():
        assert not service.get("privileged"), name
        assert service.get("network_mode") is None, name
        assert not any("docker.sock" in str(volume) for volume in service.get("volumes", ())), name
    for name, service in ours(services).items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["read_only"] is True, name
        assert service["security_opt"] == ["no-new-privileges:true"], name


def test_nothing_begins_before_the_schema_and_the_definitions_are_there(services: Mapping[str, Any]) -> None:
    for name, service in ours(services).items():
        if name != _ONE_SHOT:
            assert service["depends_on"][_ONE_SHOT] == {"condition": "service_completed_successfully"}, name
        assert service["depends_on"]["postgres"] == {"condition": "service_healthy"}, name
        assert service["depends_on"]["redis"] == {"condition": "service_healthy"}, name
    assert services[_ONE_SHOT]["command"][-1] == "healthmgr db upgrade && healthmgr apply"


def test_redis_keeps_what_it_is_given_and_asks_for_a_password(services: Mapping[str, Any]) -> None:
    command = services["redis"]["command"]
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert options["--appendonly"] == "yes"
    assert options["--maxmemory-policy"] == "noeviction"
    assert options["--requirepass"].startswith("${REDIS_PASSWORD:?")


def test_every_password_has_to_be_given_and_none_has_a_default(text: str) -> None:
    example = (_ROOT / ".env.example").read_text(encoding="utf-8")
    for name in _PASSWORDS:
        references = re.findall(rf"\$\{{{name}([^}}]*)\}}", text)
        assert references, name
        assert all(rest.startswith(":?") for rest in references), name
        assert re.search(rf"^{name}=$", example, re.MULTILINE), f"{name} is not empty in .env.example"


def test_every_setting_reaches_every_process_of_the_fleet(services: Mapping[str, Any]) -> None:
    """One that is missing would hold in some processes and not in others, or nowhere."""
    settings = {str(field.alias) for field in Settings.model_fields.values()}
    assert settings >= {"HEALTHMGR_MODULES", "MAX_CONCURRENT_CHECKS", "SLACK_WEBHOOK_URL"}
    for name, service in ours(services).items():
        missing = settings - service["environment"].keys() - _SETTLED_OTHERWISE
        if not name.startswith("worker-"):
            missing -= {"HEALTHMGR_TASK_EVENTS"}
        assert missing == set(), name


def test_a_setting_of_the_fleet_is_taken_from_outside_or_given_here_and_never_both(services: Mapping[str, Any]) -> None:
    handed_on = {name for name, value in services["beat"]["environment"].items() if value is None}
    assert {"HEALTHMGR_MODULES", "HEALTHMGR_CANARIES", "SMTP_PASSWORD"} <= handed_on
    for service in ours(services).values():
        assert {name for name, value in service["environment"].items() if value is None} == handed_on


def test_the_settings_of_the_readme_are_those_that_there_are() -> None:
    table = (_ROOT / "README.md").read_text(encoding="utf-8").split("## Settings")[1].split("`healthmgr settings`")[0]
    named = set(re.findall(r"`([A-Z][A-Z_]+)`", "".join(re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE))))
    assert named == {str(field.alias) for field in Settings.model_fields.values()}


def test_only_loopback_is_published_unless_somebody_says_otherwise(services: Mapping[str, Any]) -> None:
    for name, service in services.items():
        for port in service.get("ports", ()):
            assert re.fullmatch(r"(\$\{\w+:-)?127\.0\.0\.1:.+", port), (name, port)


def test_the_health_check_of_a_worker_tells_one_that_consumes_from_one_that_has_stopped(
    services: Mapping[str, Any], tmp_path: Path
) -> None:
    pulse = tmp_path / "pulse"
    service = services["worker-checks"]
    assert service["environment"]["HEALTHMGR_PULSE_FILE"] == "/tmp/pulse"
    script = service["healthcheck"]["test"][1].replace("/tmp/pulse", str(pulse)).replace("kill 1", "echo killed")

    def examine(*, touched: str) -> tuple[int, str]:
        if touched:
            subprocess.run(["touch", "-d", touched, str(pulse)], check=True)
        done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout.strip()

    assert examine(touched="") == (1, ""), "a worker that has not begun yet is not ended"
    assert examine(touched="5 seconds ago") == (0, "")
    assert examine(touched="2 minutes ago") == (1, "")
    assert examine(touched="4 minutes ago") == (1, "killed")


def test_the_image_runs_as_an_ordinary_user_and_is_installed_from_the_lock() -> None:
    instructions = (_ROOT / "Dockerfile").read_text(encoding="utf-8")
    final = instructions.rsplit("\nFROM ", 1)[1]
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", final, re.MULTILINE)
    assert "requirements/run.lock" in instructions
    assert not re.search(r"apt-get install|gcc|build-essential", instructions)
    copied = {
        word for line in re.findall(r"^COPY (?!--from)(.+) \S+$", instructions, re.MULTILINE) for word in line.split()
    }
    let_through = {
        line[1:] for line in (_ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] == "!"
    }
    assert copied == let_through, "what the Dockerfile copies and what .dockerignore lets through differ"


def test_docker_compose_accepts_the_file(tmp_path: Path) -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("docker compose is not here")
    given = tmp_path / "env"
    given.write_text("".join(f"{name}=x\n" for name in _PASSWORDS), encoding="utf-8")
    command = [
        docker,
        "compose",
        "--env-file",
        str(given),
        "--file",
        str(_ROOT / "docker-compose.yml"),
        "config",
        "--quiet",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
