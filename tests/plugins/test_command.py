"""The kind `command`: programs that speak as Nagios' plugins do, and programs that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from healthmgr.checks.command import CommandCheck, CommandConfig
from healthmgr.domain.check import Status
from healthmgr.errors import ProbeError
from healthmgr.ports import ProbeContext


def shell(script: str, **more: Any) -> dict[str, Any]:
    return {"command": ["/bin/sh", "-c", script], **more}


def python(script: str, **more: Any) -> dict[str, Any]:
    return {"command": [sys.executable, "-c", script], **more}


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def ends_soon(pid: int, within: float = 3.0) -> bool:
    until = time.monotonic() + within
    while is_running(pid):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def pid_in(file: Path, within: float = 5.0) -> int:
    until = time.monotonic() + within
    while not (file.exists() and file.read_text(encoding="ascii").strip()):
        assert time.monotonic() < until, "the program never wrote its number"
        time.sleep(0.02)
    return int(file.read_text(encoding="ascii"))


@pytest.mark.parametrize(
    ("exit_status", "status"),
    [
        (0, Status.HEALTHY),
        (1, Status.DEGRADED),
        (2, Status.UNHEALTHY),
        (3, Status.UNKNOWN),
        (4, Status.UNKNOWN),
        (127, Status.UNKNOWN),
        (255, Status.UNKNOWN),
    ],
)
def test_the_exit_status_is_the_verdict(probe: Any, exit_status: int, status: Status) -> None:
    outcome = probe("command", shell(f"echo 'DISK says so'; exit {exit_status}"))
    assert outcome.status is status
    assert outcome.message.endswith("DISK says so")
    assert (f"exit status {exit_status}" in outcome.message) is (exit_status > 3)


def test_a_program_that_a_signal_ended_could_not_tell(probe: Any) -> None:
    outcome = probe("command", shell("echo half; kill -SEGV $$"))
    assert (outcome.status, outcome.message) == (Status.UNKNOWN, "was ended by the signal SIGSEGV: half")


def test_text_long_text_and_numbers_are_told_apart(probe: Any) -> None:
    script = "printf 'DISK WARNING | /=2643MB;5948;5958;0;5968\\n/var is full\\n/tmp too | /tmp=1.5ms t=1,5\\n'; exit 1"
    outcome = probe("command", shell(script))
    assert outcome.message == (
        "DISK WARNING; /var is full / /tmp too; 1 of its numbers cannot be read, such as 't=1,5'"
    )
    assert outcome.metrics == {"/": 2.643e9, "/tmp": 0.0015}


def test_long_text_of_a_good_result_is_left_out(probe: Any) -> None:
    assert probe("command", shell("printf 'OK\\nand much more\\n'")).message == "OK"


def test_a_mute_program_is_quoted_from_its_complaints(probe: Any) -> None:
    outcome = probe("command", shell("echo 'no such device' >&2; exit 2"))
    assert (outcome.status, outcome.message) == (Status.UNHEALTHY, "/bin/sh said nothing; no such device")


def test_arguments_reach_the_program_as_they_are_written(probe: Any) -> None:
    hostile = "$(touch /tmp/x); `id` && echo *"
    outcome = probe("command", {"command": ["/bin/echo", hostile]})
    assert outcome.message == hostile


def test_the_worker_s_own_variables_are_kept_from_the_program(probe: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret@db/x")
    outcome = probe("command", shell("env | sort | cut -d= -f1 | tr '\\n' ' '", environment={"COMMUNITY": "public"}))
    names = set(outcome.message.split())
    assert {"PATH", "COMMUNITY"} <= names
    assert names <= {"PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "PWD", "OLDPWD", "SHLVL", "_"} | {
        "COMMUNITY"
    }


def test_the_program_runs_in_the_folder_that_was_asked_for(probe: Any, tmp_path: Path) -> None:
    assert probe("command", shell("pwd -P", directory=str(tmp_path))).message == str(tmp_path.resolve())
    assert probe("command", shell("pwd -P")).message == "/"


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"command": ["/no/such/program"]}, "/no/such/program is not there on this worker"),
        ({"command": ["true"], "directory": "/no/such/folder"}, "the folder /no/such/folder is not there"),
        ({"command": ["/etc/passwd"]}, "/etc/passwd cannot be started on this worker: Permission denied"),
        ({"command": ["true", "a\0b"]}, "true cannot be started on this worker: embedded null byte"),
    ],
)
def test_a_program_that_cannot_be_started_could_not_tell(probe: Any, document: Any, words: str) -> None:
    with pytest.raises(ProbeError, match=words):
        probe("command", document)


@pytest.mark.parametrize("document", [{}, {"command": []}, {"command": "ls -l"}, {"command": ["x"], "max_output": 9}])
def test_a_command_is_a_list_of_arguments(document: Any) -> None:
    with pytest.raises(ValidationError):
        CommandConfig.model_validate(document)


def test_secrets_do_not_show() -> None:
    config = CommandConfig(command=["check", "-p", "hunter2"], environment={"PASSWORD": SecretStr("hunter3")})
    assert "hunter" not in repr(config)
    assert "hunter" not in config.model_dump_json(exclude={"command"})


def test_a_flood_is_read_and_only_its_beginning_kept(probe: Any) -> None:
    script = "import sys\nprint('OK')\nfor _ in range(3000): sys.stdout.write('x' * 9999); sys.stderr.write('y' * 999)"
    outcome = probe("command", python(script, max_output=300), timeout=timedelta(seconds=20))
    assert (outcome.status, outcome.message) == (Status.HEALTHY, "OK")


def test_what_is_not_utf_8_is_still_shown(probe: Any) -> None:
    outcome = probe("command", shell("printf '\\377\\376 gr\\303\\274n | a=1 \\377=2'"))
    assert outcome.message == "�� grün"
    assert outcome.metrics["a"] == 1.0


def test_a_hanging_program_and_its_grandchildren_are_killed_at_the_timeout(carry_out: Any, tmp_path: Path) -> None:
    children = tmp_path / "child", tmp_path / "grandchild"
    inner = f"echo $$ > {children[1]}; trap '' TERM HUP INT; while true; do sleep 1; done"
    script = f'echo $$ > {children[0]}; /bin/sh -c "{inner.replace("$$", chr(92) + "$" + chr(92) + "$")}" & wait'
    started = time.monotonic()
    result = carry_out("command", shell(script), timeout=1.0)
    assert time.monotonic() - started < 2.5
    assert (result.status, result.message) == (Status.UNHEALTHY, "timed out after 1s")
    assert [ends_soon(pid_in(file)) for file in children] == [True, True]


def test_a_child_left_behind_in_the_group_delays_nobody_and_is_killed(probe: Any, tmp_path: Path) -> None:
    started = time.monotonic()
    outcome = probe("command", shell(f"sleep 60 & echo $! > {tmp_path}/pid; echo OK"))
    assert time.monotonic() - started < 2
    assert (outcome.status, outcome.message) == (Status.HEALTHY, "OK")
    assert ends_soon(pid_in(tmp_path / "pid"))


def test_a_daemon_that_left_the_group_and_holds_the_pipes_delays_nobody(probe: Any, tmp_path: Path) -> None:
    script = f"""
import os, subprocess
child = subprocess.Popen(["sleep", "60"], start_new_session=True)
open({str(tmp_path / "pid")!r}, "w").write(str(child.pid))
print("OK", flush=True)
os._exit(0)
"""
    started = time.monotonic()
    outcome = probe("command", python(script))
    os.kill(pid_in(tmp_path / "pid"), 9)
    assert time.monotonic() - started < 3
    assert (outcome.status, outcome.message) == (Status.HEALTHY, "OK")


def test_a_cancelled_probe_leaves_no_process(tmp_path: Path) -> None:
    config = CommandConfig.model_validate(shell(f"echo $$ > {tmp_path}/pid; sleep 60"))
    context = ProbeContext("subject", timedelta(seconds=60), datetime.now(UTC))

    async def cancel_it() -> int:
        task = asyncio.create_task(CommandCheck().probe(config, context))
        pid = await asyncio.to_thread(pid_in, tmp_path / "pid")
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert task.cancelled()
        return pid

    assert not is_running(asyncio.run(cancel_it()))
