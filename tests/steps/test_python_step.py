"""The step `python`: functions of an installation's own modules, and functions that misbehave."""

from __future__ import annotations

import time

import pytest
from pydantic import ValidationError

from healthmgr.domain.step import Done
from healthmgr.errors import StepError
from tests.steps.conftest import is_running

MODULE = """
import os, subprocess, sys, time
from math import sqrt
from healthmgr.errors import StepError

def restart(host, force=False):
    print("restarting", host)
    return {"host": host, "force": force}

async def slowly(seconds):
    return seconds

def number():
    return 7

def key():
    return os.environ["HEALTHMGR_KEY"]

def fails():
    raise RuntimeError("first line\\nno such host")

def never():
    raise StepError("not like that", permanent=True)

def hangs(file):
    child = subprocess.Popen(["sleep", "60"])
    open(file, "w").write(f"{os.getpid()} {child.pid}")
    while True:
        try:
            time.sleep(60)
        except BaseException:
            pass

def odd():
    return object()

def exits():
    os._exit(3)

def much():
    return "x" * 100_000

class Thing:
    pass
"""


@pytest.fixture(autouse=True)
def module(tmp_path, monkeypatch):
    (tmp_path / "shop_repairs.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("HEALTHMGR_MODULES", "shop_repairs")


def test_a_function_is_called_by_names_and_its_answer_is_facts(run):
    config = {"function": "shop_repairs:restart", "arguments": {"host": "web-1", "force": True}}
    outcome = run("python", config)
    assert isinstance(outcome, Done)
    assert (outcome.facts, outcome.output) == ({"host": "web-1", "force": True}, "restarting web-1")


def test_coroutines_and_bare_values_will_do(run):
    assert run("python", {"function": "shop_repairs:slowly", "arguments": {"seconds": 1.5}}).facts == {"value": 1.5}
    assert run("python", {"function": "shop_repairs:number"}).facts == {"value": 7}


def test_a_function_can_know_whether_it_has_done_this_before(run):
    assert run("python", {"function": "shop_repairs:key"}, attempt=2).facts["value"].endswith(":step:2")


def test_modules_that_the_installation_does_not_name_are_refused(run, registry):
    for function in ("os:system", "subprocess:run", "shop_repairs.more:restart", "healthmgr.custom:load_module"):
        with pytest.raises(StepError, match="HEALTHMGR_MODULES names shop_repairs") as caught:
            run("python", {"function": function})
        assert caught.value.permanent
    step = registry.step_type("python")
    assert "(not with the HEALTHMGR_" in step.describe(step.Config(function="os:system"))


@pytest.mark.parametrize("name", ["sqrt", "os", "Thing", "StepError", "nothing"])
def test_only_functions_of_the_module_s_own_are_called(run, name):
    with pytest.raises(StepError) as caught:
        run("python", {"function": f"shop_repairs:{name}"})
    assert caught.value.permanent


@pytest.mark.parametrize("function", ["shop_repairs:a.b", "shop_repairs", "shop repairs:x", "shop_repairs:__class__()"])
def test_what_is_no_function_is_refused(registry, function):
    with pytest.raises(ValidationError):
        registry.step_type("python").Config(function=function)


def test_arguments_that_it_does_not_take_are_permanent(run):
    with pytest.raises(StepError, match="unexpected keyword argument 'hots'") as caught:
        run("python", {"function": "shop_repairs:restart", "arguments": {"host": "x", "hots": "x"}})
    assert caught.value.permanent


def test_it_fails_by_its_exceptions(run):
    with pytest.raises(StepError, match="RuntimeError: no such host") as caught:
        run("python", {"function": "shop_repairs:fails"})
    assert (caught.value.permanent, caught.value.is_timeout) == (False, False)
    with pytest.raises(StepError, match="not like that") as caught:
        run("python", {"function": "shop_repairs:never"})
    assert caught.value.permanent


def test_a_function_that_hangs_is_ended_with_what_it_started(run, tmp_path):
    file = tmp_path / "pids"
    started = time.monotonic()
    with pytest.raises(StepError, match="ended after 3s") as caught:
        run("python", {"function": "shop_repairs:hangs", "arguments": {"file": str(file)}}, seconds=3)
    assert time.monotonic() - started < 4.5
    assert caught.value.is_timeout
    assert not any(is_running(int(pid)) for pid in file.read_text().split())


def test_an_answer_that_is_no_json_is_told_and_one_that_is_too_long_is_no_fact(run):
    with pytest.raises(StepError, match="returned what is no JSON") as caught:
        run("python", {"function": "shop_repairs:odd"})
    assert caught.value.permanent
    assert run("python", {"function": "shop_repairs:much"}).facts == {}


def test_a_process_that_ends_without_an_answer_leaves_it_unknown(run):
    with pytest.raises(StepError, match="exit status 3 and without an answer") as caught:
        run("python", {"function": "shop_repairs:exits"})
    assert caught.value.is_timeout
