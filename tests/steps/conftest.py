"""Running a step as a recovery worker does, and programs that misbehave."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from healthmgr.domain.step import StepOutcome
from healthmgr.registry import Registry
from healthmgr.testing import HttpTarget, run_step, step_context

Run = Callable[..., StepOutcome]


@pytest.fixture(scope="session")
def registry() -> Registry:
    return Registry.load()


@pytest.fixture
def run(registry: Registry) -> Run:
    """run("command", {...}, seconds=5) runs a step once."""

    def go(kind: str, config: Mapping[str, Any], seconds: float = 15, **more: Any) -> StepOutcome:
        return run_step(registry.step_type(kind), config, step_context(timeout=timedelta(seconds=seconds), **more))

    return go


@pytest.fixture
def target() -> Iterator[HttpTarget]:
    with HttpTarget() as served:
        yield served


@pytest.fixture
def allow(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """allow(program, ...) lets steps run these programs and no others."""

    def say(*programs: object) -> None:
        monkeypatch.setenv("HEALTHMGR_ALLOWED_COMMANDS", ",".join(map(str, programs)))

    return say


@pytest.fixture
def script(tmp_path: Path, allow: Callable[..., None]) -> Callable[..., str]:
    """script("text") is an executable of that text in Python, the only one that steps may run."""
    made: list[str] = []

    def make(text: str, name: str = "program") -> str:
        path = tmp_path / f"{name}-{len(made)}"
        path.write_text(f"#!{sys.executable}\n{text}\n", encoding="utf-8")
        path.chmod(0o755)
        made.append(str(path))
        allow(*made)
        return str(path)

    return make


def until(is_so: Callable[[], bool], within: float = 10.0) -> bool:
    ends_at = time.monotonic() + within
    while not is_so():
        if time.monotonic() > ends_at:
            return False
        time.sleep(0.02)
    return True


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
