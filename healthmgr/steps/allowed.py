"""What this installation lets steps run: programs and functions that its environment names, and nothing else.

A definition says what is done; which programs may do it on this machine is said by who runs the worker.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from healthmgr.custom import MODULES, module_names
from healthmgr.errors import StepError
from healthmgr.secrets import read_variable

COMMANDS = "HEALTHMGR_ALLOWED_COMMANDS"


def allowed_program(name: str, environ: Mapping[str, str] = os.environ) -> str:
    """The path of a program that may be run; a name is looked up on PATH. Raises StepError for any other."""
    allowed = [each for each in _named(COMMANDS, environ) if each]
    found = _path_of(name)
    if (name in allowed and "/" not in name) or any(found and _is_same(found, _path_of(each)) for each in allowed):
        if found is None:
            raise StepError(f"{name} is not there on this worker", permanent=True)
        return found
    permitted = ", ".join(allowed) or "none"
    raise StepError(
        f"{name} may not be run on this worker: {COMMANDS} allows {permitted}; add it there, and start the worker anew",
        permanent=True,
    )


def check_function(function: str, environ: Mapping[str, str] = os.environ) -> None:
    """Raises StepError unless the function's module is one of those that this installation names."""
    module = function.partition(":")[0]
    allowed = module_names(_named(MODULES, environ))
    if module not in allowed:
        permitted = ", ".join(allowed) or "none"
        raise StepError(
            f"{function} may not be called on this worker: {MODULES} names {permitted}; add {module} there, and start "
            "the worker anew",
            permanent=True,
        )


def not_allowed(program: str = "", function: str = "") -> str:
    """What stands against running it, in brackets, for those who only ask; "" where nothing does.

    Who asks need not be who would run it: the worker's environment decides, not this one's.
    """
    try:
        if program:
            allowed_program(program)
        if function:
            check_function(function)
    except StepError:
        return f" (not with the {COMMANDS if program else MODULES} of this process)"
    return ""


def _named(variable: str, environ: Mapping[str, str]) -> list[str]:
    text = read_variable(variable, environ) or ""
    return [each.strip() for part in text.split(",") for each in part.split(os.pathsep) if each.strip()]


def _path_of(name: str) -> str | None:
    if "/" in name:
        return name if Path(name).is_absolute() and Path(name).exists() else None
    return shutil.which(name)


def _is_same(path: str, other: str | None) -> bool:
    """Whether two paths are the same program as they are written; links count, for many programs are one by links."""
    return other is not None and os.path.normpath(path) == os.path.normpath(other)
