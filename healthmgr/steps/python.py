"""Python: a function of yours, in a process of its own."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from pydantic import Field

from healthmgr.domain.step import MOST_OUTPUT, Done
from healthmgr.ports import StepContext
from healthmgr.steps.allowed import check_function, not_allowed
from healthmgr.steps.apart import call_apart
from healthmgr.steps.fields import Length, StepConfig, shortest
from healthmgr.steps.output import line, shown
from healthmgr.steps.program import told_of


class PythonConfig(StepConfig):
    """Which function to call, and with what."""

    function: str = Field(
        pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$",
        description="The function, as package.module:name; its module has to be one of HEALTHMGR_MODULES on the worker",
    )
    arguments: dict[str, Any] = Field({}, repr=False, description="Its arguments, by name: JSON's values alone")
    timeout: Length | None = Field(None, description="Time for the function, where the step's own is too long")


class PythonStep:
    """Calls a function."""

    kind: ClassVar[str] = "python"
    Config: ClassVar[type[PythonConfig]] = PythonConfig
    action_field: ClassVar[str] = "function"
    parameters_field: ClassVar[str] = "arguments"
    fixed_fields: ClassVar[frozenset[str]] = frozenset({"function"})
    url_fields: ClassVar[frozenset[str]] = frozenset()
    is_destructive: ClassVar[bool] = True

    def run(self, config: PythonConfig, context: StepContext) -> Done:
        """Call it. What it returns, JSON's values alone, is the step's facts; what it prints is the step's output.

        It fails by any exception; StepError says whether trying again could help.
        """
        check_function(config.function)
        timeout = shortest(context.timeout, config.timeout)
        value, printed = call_apart(config.function, config.arguments, timeout, told=told_of(context))
        said = json.dumps(value, ensure_ascii=False)
        if len(said) > MOST_OUTPUT:
            return Done(f"{config.function} returned {len(said)} characters", shown(f"{printed}\n{said}"))
        facts = value if isinstance(value, dict) else {"value": value}
        return Done(line(f"{config.function} returned {said}"), printed, facts)

    def describe(self, config: PythonConfig) -> str:
        """The function, the names of its arguments, and whether this process would let it be called."""
        called = line(f"call {config.function}({', '.join(config.arguments)})")
        return called + not_allowed(function=config.function)
