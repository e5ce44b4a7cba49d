"""The command in a pipe whose reader goes away."""

from __future__ import annotations

import subprocess
import sys


def test_a_reader_that_has_had_enough_is_no_fault() -> None:
    program = (
        "import sys, typer\n"
        "from healthmgr.cli.failing import SpeakingGroup\n"
        "app = typer.Typer(cls=SpeakingGroup)\n"
        "@app.callback()\n"
        "def main(): ...\n"
        "@app.command()\n"
        "def talk():\n"
        "    for line in range(100_000): print('line', line, flush=True)\n"
        "app()\n"
    )
    command = [sys.executable, "-c", program, "talk"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "line 0\n"
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0
