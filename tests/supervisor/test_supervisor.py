"""The supervisor over real processes: starts again, kills what is stuck, leaves nothing behind."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from healthmgr.errors import Conflict
from healthmgr.supervisor import Child, Console, FolderLock, PidFiles, PulseWatch, Supervisor
from healthmgr.supervisor import running as running_module

ENV = {"PATH": os.environ["PATH"]}
SLEEP = "import time; print('ready', flush=True); time.sleep(600)"


def python(code: str, name: str = "child", **more: object) -> Child:
    return Child(name=name, argv=(sys.executable, "-c", code), env=ENV, **more)  # type: ignore[arg-type]


@pytest.fixture
def said() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def supervisor(tmp_path: Path, said: io.StringIO) -> Iterator[Supervisor]:
    with Supervisor(PidFiles(tmp_path / "pids"), Console(said, {})) as supervisor:
        yield supervisor


def says(said: io.StringIO, text: str) -> Callable[[], bool]:
    return lambda: text in said.getvalue()


def wait_for(claim: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_what_a_child_says_is_shown_with_its_name_in_front(supervisor: Supervisor, said: io.StringIO) -> None:
    assert supervisor.run_once(python("print('one'); import sys; sys.stderr.write('two')", "talker")) == 0
    assert said.getvalue() == "talker    │ one\ntalker    │ two\n"


def test_a_child_that_dies_is_started_again_later_and_later_and_it_is_said(
    supervisor: Supervisor, said: io.StringIO
) -> None:
    supervisor.start(python("raise SystemExit(3)"))
    assert supervisor.run(lambda: said.getvalue().count("ended with status 3") == 3, seconds=15)
    delays = [line.rsplit(" in ", 1)[1] for line in said.getvalue().splitlines() if "starting it again" in line]
    assert delays == ["1 s", "2 s", "4 s"]


def test_the_delay_doubles_to_half_a_minute_and_begins_anew_after_a_steady_minute() -> None:
    running = running_module.Running(python(SLEEP))
    running.started_at = time.monotonic()
    assert [running.plan_restart() for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    running.started_at = time.monotonic() - 61
    assert running.plan_restart() == 1


def test_a_child_without_a_pulse_is_killed_and_started_again(
    supervisor: Supervisor, said: io.StringIO, tmp_path: Path
) -> None:
    pulse = PulseWatch(tmp_path / "pulse", lambda: True, stale_after=0.2, start_within=0.2)
    supervisor.start(python(SLEEP, "stuck", liveness=pulse))
    assert supervisor.run(lambda: said.getvalue().count("ready") >= 2, seconds=15)
    assert "stuck is killed: it has consumed nothing for" in said.getvalue()
    assert "stuck ended by SIGKILL" in said.getvalue()


def test_no_worker_is_killed_for_silence_while_the_broker_is_away(tmp_path: Path) -> None:
    silent = PulseWatch(tmp_path / "pulse", lambda: False, stale_after=0, start_within=0)
    assert silent(3600) is None


def test_a_pulse_of_an_earlier_process_is_not_held_against_a_new_one(tmp_path: Path) -> None:
    watch = PulseWatch(tmp_path / "pulse", lambda: True, stale_after=20)
    watch.path.touch()
    os.utime(watch.path, (1, 1))
    assert watch(5) is None
    assert watch(21) is not None


def test_tiers_stop_the_highest_first_and_each_is_told_in_a_line(supervisor: Supervisor, said: io.StringIO) -> None:
    for name, tier in (("ground", 0), ("upper", 2), ("middle", 1)):
        supervisor.start(python(SLEEP, name, tier=tier))
    assert supervisor.run(lambda: said.getvalue().count("ready") == 3, seconds=15)
    supervisor.stop()
    stops = [line.split()[3] for line in said.getvalue().splitlines() if "stopped" in line]
    assert stops == ["upper", "middle", "ground"]


def test_a_child_that_does_not_want_to_stop_is_killed_after_its_grace(
    supervisor: Supervisor, said: io.StringIO
) -> None:
    stubborn = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + SLEEP
    supervisor.start(python(stubborn, "stubborn", grace=0.3))
    assert supervisor.run(says(said, "ready"), seconds=10)
    supervisor.stop()
    assert "stopped stubborn" in said.getvalue()
    assert "ended by SIGKILL" in said.getvalue()


def test_what_a_dead_child_had_started_dies_with_it(supervisor: Supervisor, said: io.StringIO) -> None:
    parent = (
        "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
        "print('grandchild', p.pid, flush=True)"
    )
    supervisor.run_once(python(parent))
    grandchild = int(said.getvalue().split()[-1])
    wait_for(lambda: not is_alive(grandchild))


PROGRAM = """
import os, sys
from pathlib import Path
from healthmgr.supervisor import Child, Console, PidFiles, Supervisor
code = "import os, time; print('child is', os.getpid(), flush=True); time.sleep(600)"
with Supervisor(PidFiles(Path(sys.argv[1])), Console()) as supervisor:
    supervisor.start(Child("sleeper", (sys.executable, "-c", code), dict(os.environ)))
    supervisor.run()
"""


@pytest.fixture
def program(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A supervisor in a process of its own, and the pid of its child."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "pids")], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process, int(process.stdout.readline().split()[-1])
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_asked_to_end_the_supervisor_takes_its_children_along(
    program: tuple[subprocess.Popen[str], int], number: int
) -> None:
    process, child = program
    process.send_signal(number)
    assert process.wait(10) == 0
    assert not is_alive(child)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of their parent's death")
def test_children_of_a_killed_supervisor_die(program: tuple[subprocess.Popen[str], int]) -> None:
    process, child = program
    process.kill()
    process.wait()
    wait_for(lambda: not is_alive(child))


def test_the_next_start_ends_what_a_killed_supervisor_left(tmp_path: Path) -> None:
    files = PidFiles(tmp_path / "pids")
    nothing = {"start_new_session": True, "stdout": subprocess.DEVNULL}
    with (
        subprocess.Popen(["sleep", "600"], **nothing) as known,  # type: ignore[call-overload]
        subprocess.Popen(["sleep", "600"], env={**ENV, **files.mark}, **nothing) as stray,  # type: ignore[call-overload]
        subprocess.Popen(["sleep", "600"], **nothing) as stranger,  # type: ignore[call-overload]
    ):
        files.write("known", known.pid, signal.SIGTERM)
        files.write("reused", stranger.pid, signal.SIGTERM)
        record = tmp_path / "pids" / "reused.json"
        record.write_text(record.read_text().replace('"started": ', '"started": 1'))
        assert files.stop_leftovers() == ["known", f"process {stray.pid}"]
        assert known.wait() == stray.wait() == -signal.SIGTERM
        assert stranger.poll() is None
        stranger.kill()
    assert list((tmp_path / "pids").iterdir()) == []


def test_a_folder_is_locked_for_one_process_at_a_time(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path / "run" / "lock")
    lock.acquire()
    lock.acquire()
    with pytest.raises(Conflict, match=f"is in use by process {os.getpid()}"):
        FolderLock(tmp_path / "run" / "lock").acquire()
    lock.release()
    FolderLock(tmp_path / "run" / "lock").acquire()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environ", "is_coloured"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (io.StringIO(), {}, False),
        (io.StringIO(), {"FORCE_COLOR": "1"}, True),
        (io.StringIO(), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_colours_are_for_terminals(stream: io.StringIO, environ: dict[str, str], is_coloured: bool) -> None:
    console = Console(stream, environ)
    console.say("hello")
    console.child("worker", "hello")
    assert ("\x1b[" in stream.getvalue()) is is_coloured


def test_a_reader_that_goes_away_ends_the_supervisor_in_order(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream, Supervisor(PidFiles(tmp_path), console := Console(stream, {})) as supervisor:
        supervisor.start(python(SLEEP))
        os.close(reader)
        assert supervisor.run(seconds=10) is False
        assert console.is_gone
        assert supervisor.should_stop
