"""How a command fails: one clear line on stderr that names the fix, an exit code for scripts, no traceback."""

from __future__ import annotations

import os
import sys
from enum import IntEnum
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup


class ExitCode(IntEnum):
    """What every command answers its caller."""

    OK = 0
    WRONG = 1
    BAD_INPUT = 2
    UNAVAILABLE = 3


EXIT_CODES = (
    "Exit codes: 0 all is well, 1 something is wrong, missing or in conflict, "
    "2 bad usage or bad input, 3 a part that is needed does not answer."
)


class SpeakingGroup(TyperGroup):
    """A group of commands that says what went wrong instead of showing a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the chosen command; raises typer.Exit with the code of whatever went wrong."""
        try:
            return super().invoke(ctx)
        except typer.Abort:
            raise
        except BrokenPipeError:
            # Whoever read us has had enough (`| head`): nothing is wrong, and nobody is left to tell.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(ExitCode.OK) from None
        except Exception as error:
            if hasattr(error, "exit_code"):  # Typer's own: usage errors and the exits that commands ask for
                raise
            # The words for errors know every driver, and most commands end without one.
            raise typer.Exit(import_module("healthmgr.cli.explaining").speak(error)) from error
