"""systemd, by `systemctl`: restarted is a unit that is active under another invocation than before."""

from __future__ import annotations

import shutil
from datetime import timedelta

from healthmgr.channels.deadline import Deadline
from healthmgr.domain.step import Done
from healthmgr.errors import StepError
from healthmgr.steps.ending import judge_ending
from healthmgr.steps.program import Program, cleaned_environment, run_program
from healthmgr.steps.restart import Restart, wait_until

_PROPERTIES = "LoadState,ActiveState,SubState,MainPID,InvocationID"


def restart(order: Restart, deadline: Deadline) -> Done:
    """Restart the unit, and wait until it is active anew."""
    before = _show(order, deadline)
    if before.get("LoadState") not in ("loaded", None):
        raise StepError(f"systemd has no unit {order.service} ({before['LoadState']})", permanent=True)
    if not order.is_graceful:
        _systemctl(["kill", "--signal=SIGKILL", "--", order.service], deadline)
    _systemctl(["restart", *([] if order.waits else ["--no-block"]), "--", order.service], deadline)
    if not order.waits:
        return Done(f"{order.service} is being restarted by systemd")

    def why_not_yet() -> str:
        state = _show(order, deadline)
        if state.get("ActiveState") == "failed":
            raise StepError(f"{order.service} failed to start: {state.get('SubState', '')}")
        if state.get("ActiveState") != "active":
            return f"it is {state.get('ActiveState', 'unknown')}"
        # A oneshot has no process, and old versions tell no invocation: something of it has to be new.
        names = ("InvocationID", "MainPID")
        is_new = any(state.get(name) != before.get(name) for name in names) or before.get("ActiveState") != "active"
        return "" if is_new else "it is the same process as before"

    wait_until(why_not_yet, deadline, order.service)
    after = _show(order, deadline)
    pids = {"pid_before": _pid(before), "pid": _pid(after)}
    return Done(f"{order.service} was restarted by systemd, and is active as process {pids['pid']}", facts=pids)


def _show(order: Restart, deadline: Deadline) -> dict[str, str]:
    said = _systemctl(["show", f"--property={_PROPERTIES}", "--", order.service], deadline)
    return dict(each.split("=", 1) for each in said.splitlines() if "=" in each)


def _pid(state: dict[str, str]) -> int:
    pid = state.get("MainPID", "")
    return int(pid) if pid.isdecimal() else 0


def _systemctl(words: list[str], deadline: Deadline) -> str:
    program = shutil.which("systemctl")
    if program is None:
        raise StepError("systemctl is not there on this worker: systemd does not run here", permanent=True)
    try:
        timeout = timedelta(seconds=deadline.remaining())
    except TimeoutError:
        raise StepError(f"no time was left for systemctl {words[0]}", is_timeout=True) from None
    ended = run_program(Program([program, "--no-ask-password", *words], cleaned_environment({})), timeout)
    return judge_ending(f"systemctl {words[0]}", ended, timeout).output
