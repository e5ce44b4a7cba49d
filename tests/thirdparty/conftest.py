"""A package of somebody else's: the README's check type and step and a channel, built and installed for real."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

CHANNEL = '''
"""Opens a ticket: a file in a folder."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from healthmgr.errors import ChannelError
from healthmgr.ports import Receipt


class TicketChannel:
    kind = "ticket"
    needs_address = True

    class Config(BaseModel):
        model_config = ConfigDict(extra="forbid", frozen=True)
        folder: Path = Field(description="Where tickets are kept")

    def send(self, config, message, address, timeout):
        ticket = config.folder / f"{message.notification_id}.txt"
        try:
            ticket.write_text(f"{address}: {message.title}", encoding="utf-8")
        except OSError as error:
            raise ChannelError(f"{config.folder} cannot be written to: {error.strerror}") from error
        return Receipt(provider_id=ticket.name, detail="opened")
'''
TEST = """
from healthmgr.testing import RecordingChannel, assert_channel_contract, make_message
from healthmgr_ticket import TicketChannel


def test_ticket_channel(tmp_path):
    assert_channel_contract(TicketChannel, {"folder": str(tmp_path)}, "ops")
    assert_channel_contract(TicketChannel, {"folder": str(tmp_path / "missing")}, "ops")
    assert [path.read_text() for path in tmp_path.iterdir()] == [f"ops: {make_message().title}"]
"""
_PACKAGING = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[tool.setuptools]
py-modules = ["healthmgr_file", "healthmgr_ticket", "healthmgr_flag"]

[project.entry-points."healthmgr.channels"]
ticket = "healthmgr_ticket:TicketChannel"

[project.entry-points."healthmgr.steps"]
flag = "healthmgr_flag:FlagStep"
"""


def _blocks(readme: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Package:
    """The package's source, where it is installed, and how to run Python with it."""

    source: Path
    overlay: Path
    run: Callable[..., subprocess.CompletedProcess[str]]
    environ: dict[str, str]


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The source of the package, and the folder in which pip installed it: no part of healthmgr is touched."""
    root = Path(__file__).parents[2]
    readme = (root / "README.md").read_text(encoding="utf-8")
    source, overlay = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("overlay")
    (plugin,) = [block for block in _blocks(readme, "python") if "class FileCheck" in block]
    (step,) = [block for block in _blocks(readme, "python") if "class FlagStep" in block]
    (step_test,) = [block for block in _blocks(readme, "python") if "import FlagStep" in block]
    (own_test,) = [block for block in _blocks(readme, "python") if "import FileCheck" in block]
    (source / "healthmgr_file.py").write_text(plugin, encoding="utf-8")
    (source / "healthmgr_ticket.py").write_text(CHANNEL, encoding="utf-8")
    (source / "pyproject.toml").write_text(_blocks(readme, "toml")[0] + _PACKAGING, encoding="utf-8")
    (source / "test_file.py").write_text(own_test, encoding="utf-8")
    (source / "healthmgr_flag.py").write_text(step, encoding="utf-8")
    (source / "test_flag.py").write_text(step_test, encoding="utf-8")
    (source / "test_ticket.py").write_text(TEST, encoding="utf-8")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, "--target", str(overlay), str(source)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return source, overlay


@pytest.fixture
def package(built: tuple[Path, Path], tmp_path: Path, database_url: str, redis_url: str) -> Package:
    """The installed package, and an environment of an installation that uses it."""
    source, overlay = built
    environ = {
        **{name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")},
        "PYTHONPATH": str(overlay),
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "HEALTHMGR_DATA": str(tmp_path / "data"),
        "COLUMNS": "200",
    }

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *words], env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )

    return Package(source, overlay, run, environ)
