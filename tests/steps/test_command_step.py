"""The step `command`: programs that are allowed, programs that are not, and programs that misbehave."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from pydantic import ValidationError

from healthmgr.domain.step import MOST_OUTPUT, Done
from healthmgr.errors import StepError
from tests.steps.conftest import is_running, until

WORKER = """
import sys
from healthmgr.steps.command import CommandStep
from healthmgr.testing import run_step
run_step(CommandStep, {"command": sys.argv[1:]})
"""
TALKS_ON = "import sys\nwhile True: sys.stdout.write('x' * 65536)"


def test_a_program_that_ends_well_is_done(run, script):
    outcome = run("command", {"command": [script("import sys; print('restarted', sys.argv[1])"), "shop"]})
    assert isinstance(outcome, Done)
    assert outcome.output == "restarted shop"
    assert outcome.facts == {"exit_status": 0}


def test_a_number_and_a_yes_that_were_filled_in_are_words_to_a_program(run, script):
    program = script("import json, sys; print(json.dumps(sys.argv[1:]))")
    assert json.loads(run("command", {"command": [program, 5, True]}).output) == ["5", "true"]


def test_another_exit_status_is_a_failure_worth_another_try(run, script):
    program = script("import sys; print('all fine', flush=True); print('disk full', file=sys.stderr); sys.exit(3)")
    with pytest.raises(StepError, match="ended with exit status 3: disk full") as caught:
        run("command", {"command": [program]})
    assert (caught.value.permanent, caught.value.is_timeout) == (False, False)
    assert "disk full" in caught.value.output
    assert run("command", {"command": [program], "exit_codes": [0, 3]}).facts == {"exit_status": 3}


def test_nothing_is_allowed_unless_the_installation_says_so(run, monkeypatch):
    monkeypatch.delenv("HEALTHMGR_ALLOWED_COMMANDS", raising=False)
    with pytest.raises(StepError, match="HEALTHMGR_ALLOWED_COMMANDS allows none") as caught:
        run("command", {"command": ["/bin/true"]})
    assert caught.value.permanent


def test_a_program_is_allowed_by_its_name_or_by_its_path(run, allow):
    allow("true")
    assert isinstance(run("command", {"command": ["true"]}), Done)
    allow("/bin/true")
    assert isinstance(run("command", {"command": "/bin/true"}), Done)
    for other in ("/bin/false", "false", "./true", "/bin/../bin/sh", "true; false", ""):
        with pytest.raises((StepError, ValidationError)):
            run("command", {"command": [other]})


def test_names_and_paths_may_be_separated_as_path_is(run, monkeypatch):
    monkeypatch.setenv("HEALTHMGR_ALLOWED_COMMANDS", "/no/such/program:/bin/true")
    assert isinstance(run("command", {"command": ["/bin/true"]}), Done)
    with pytest.raises(StepError, match=r"may not be run|is not there"):
        run("command", {"command": ["/no/such/program"]})


def test_no_shell_reads_the_arguments(run, script, tmp_path):
    program = script("import json, sys; print(json.dumps(sys.argv[1:]))")
    words = ["; touch x", "$(touch x)", "`touch x`", "| touch x", "a b", "*", "~", ""]
    assert json.loads(run("command", {"command": [program, *words], "directory": str(tmp_path)}).output) == words
    assert not (tmp_path / "x").exists()


def test_a_program_sees_little_of_the_workers_environment(run, script, monkeypatch):
    monkeypatch.setenv("DATABASE_PASSWORD", "s3cret-word")
    program = script("import json, os; print(json.dumps(dict(os.environ)))")
    seen = json.loads(run("command", {"command": [program], "environment": {"STAGE": "dev"}}).output)
    assert seen["STAGE"] == "dev"
    assert seen["PATH"] == os.environ["PATH"]
    assert seen["HEALTHMGR_KEY"] == f"{seen['HEALTHMGR_RUN_ID']}:step:1"
    ours = {"HEALTHMGR_KEY", "HEALTHMGR_RUN_ID", "HEALTHMGR_STEP", "HEALTHMGR_CHECK"}
    assert set(seen) <= {"PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "STAGE"} | ours


def test_what_it_is_told_in_secret_it_cannot_tell(run, script):
    program = script("import os, sys; print('with', os.environ['KEY']); sys.exit(len(sys.argv) - 1)")
    config = {"command": [program], "environment": {"KEY": "s3cret-word"}}
    assert run("command", config).output == "with ***"
    with pytest.raises(StepError) as caught:
        run("command", {**config, "command": [program, "fail"]})
    assert "s3cret-word" not in str(caught.value) + caught.value.output


def test_control_characters_and_marks_of_direction_are_taken_out_of_what_it_says(run, script):
    program = script(r"print('\x1b[31mred\x07\u202e\x00 end')")
    assert run("command", {"command": [program]}).output == "[31mred end"


def test_standard_input_is_empty(run, script):
    assert run("command", {"command": [script("import sys; print(repr(sys.stdin.read()))")]}).output == "''"


def test_a_program_that_hangs_is_ended_with_everything_it_started(run, script, tmp_path):
    pids = tmp_path / "pids"
    program = script(
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen(['sleep', '60'])\n"
        f"open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}')\n"
        "print('begun', flush=True)\ntime.sleep(60)"
    )
    started = time.monotonic()
    with pytest.raises(StepError, match="was ended after 1s") as caught:
        run("command", {"command": [program]}, seconds=1)
    assert time.monotonic() - started < 2
    assert caught.value.is_timeout
    assert caught.value.output == "begun"
    assert not any(is_running(int(pid)) for pid in pids.read_text().split())


def test_its_own_timeout_holds_where_it_is_shorter(run, script):
    with pytest.raises(StepError, match="was ended after 500ms"):
        run("command", {"command": [script("import time; time.sleep(60)")], "timeout": 500})


def test_a_program_is_asked_to_end_before_it_is_killed(run, script):
    polite = script(
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('good-bye', flush=True), sys.exit(0)))\n"
        "print('here', flush=True)\ntime.sleep(60)"
    )
    with pytest.raises(StepError) as caught:
        run("command", {"command": [polite]}, seconds=2)
    assert caught.value.output == "here\ngood-bye"


def test_a_program_that_will_not_end_is_killed(run, script):
    stubborn = script("import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(60)")
    started = time.monotonic()
    with pytest.raises(StepError):
        run("command", {"command": [stubborn]}, seconds=1)
    assert time.monotonic() - started < 2


def test_an_endless_writer_costs_its_time_and_no_memory(run, script):
    before = psutil.Process().memory_info().rss
    with pytest.raises(StepError) as caught:
        run("command", {"command": [script(TALKS_ON)]}, seconds=1)
    assert len(caught.value.output) <= MOST_OUTPUT
    assert psutil.Process().memory_info().rss - before < 32 * 2**20


def test_of_much_output_the_beginning_and_the_end_are_kept(run, script):
    program = script("print('first')\nfor n in range(100000): print(n)\nprint('last')")
    output = run("command", {"command": [program]}).output
    assert output.startswith("first\n0\n")
    assert output.endswith("99999\nlast")
    assert "bytes left out" in output
    assert len(output) <= MOST_OUTPUT


def test_what_a_program_leaves_running_when_it_ends_by_itself_goes_on(run, script, tmp_path):
    pid_file = tmp_path / "pid"
    program = script(
        "import subprocess\nchild = subprocess.Popen(['sleep', '30'])\n"
        f"open({str(pid_file)!r}, 'w').write(str(child.pid))\nprint('started')"
    )
    started = time.monotonic()
    assert run("command", {"command": [program]}).output == "started"
    assert time.monotonic() - started < 5
    pid = int(pid_file.read_text())
    try:
        assert is_running(pid)
    finally:
        os.kill(pid, signal.SIGKILL)


def test_a_worker_that_is_killed_takes_the_program_with_it(script, tmp_path):
    pid_file = tmp_path / "pid"
    program = script(f"import os, time\nopen({str(pid_file)!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)")
    worker = subprocess.Popen([sys.executable, "-c", WORKER, program])
    assert until(lambda: pid_file.exists() and bool(pid_file.read_text()))
    worker.kill()
    worker.wait()
    assert until(lambda: not is_running(int(pid_file.read_text())), within=4)


def test_what_cannot_be_started_says_why(run, script, allow, tmp_path):
    text = tmp_path / "text"
    text.write_text("no program", encoding="utf-8")
    allow(text)
    with pytest.raises(StepError, match="cannot be started on this worker: Permission denied") as caught:
        run("command", {"command": [str(text)]})
    assert caught.value.permanent
    with pytest.raises(StepError, match="the folder /no/such/folder cannot be used"):
        run("command", {"command": [script("")], "directory": "/no/such/folder"})


def test_what_no_program_takes_is_refused(registry):
    model = registry.step_type("command").Config
    for wrong in ({"command": ["/bin/true", "a\0b"]}, {"command": []}, {"command": ["x"], "environment": {"A=B": "c"}}):
        with pytest.raises(ValidationError):
            model.model_validate(wrong)


def test_it_says_beforehand_what_it_would_run_and_whether_it_may(registry, allow):
    step = registry.step_type("command")
    config = step.Config.model_validate({"command": ["/bin/true", "a b", "x\ny"]})
    allow("/bin/true")
    assert step.describe(config) == r"run /bin/true 'a b' 'x\ny'"
    allow()
    assert "(not with the HEALTHMGR_" in step.describe(config)


def test_a_guard_that_is_killed_leaves_nothing_running(run, script, tmp_path):
    pid_file = tmp_path / "pid"
    program = script(
        "import os, signal, time\n"
        f"open({str(pid_file)!r}, 'w').write(str(os.getpid()))\n"
        "os.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(60)"
    )
    with pytest.raises(StepError, match="unknown") as caught:
        run("command", {"command": [program]}, seconds=20)
    assert caught.value.is_timeout
    assert until(lambda: not is_running(int(Path(pid_file).read_text())))
