"""Carrying out one claimed step: its settings filled in, its plugin called once, what came of it in plain values.

No transaction is open meanwhile. What is filled in is data wherever it lands; secrets are put in at this moment, and
are masked in all that comes back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal, Protocol

import structlog
from pydantic import ValidationError

from healthmgr.domain.placeholder import fill
from healthmgr.domain.run import Broke
from healthmgr.domain.run_state import StepState
from healthmgr.domain.step import MOST_OUTPUT, Ask, Balance, Done, StepOutcome, Verify
from healthmgr.errors import HealthmgrError, PluginError, StepError
from healthmgr.ports import StepContext
from healthmgr.secrets import read_variable, references, resolve
from healthmgr.services.probing_results import clean
from healthmgr.services.recovering_ports import ClaimedStep, Ended, StepKinds
from healthmgr.telemetry import mask

log = structlog.get_logger(__name__)

_SHORTEST_SECRET = 4  # characters: shorter ones would mask half of every message
_MOST_FACTS = 16_384  # characters, as JSON


class Balancer(Protocol):
    """What people and runbooks want of the instances of services."""

    def set_wanted(
        self, service: str, instance: str, wanted: Literal["enabled", "drained"], by: str, now: datetime
    ) -> object:
        """Have an instance drained or enabled. Raises NotFound, Conflict."""
        ...


class Repairing:
    """Calls the plugins of steps."""

    def __init__(self, kinds: StepKinds, environ: Mapping[str, str], balancer: Balancer | None = None) -> None:
        self._kinds = kinds
        self._environ = environ
        self._balancer = balancer

    def is_destructive(self, kind: str) -> bool:
        """Whether doing such a step twice can do harm; of a kind that is not installed here, that is assumed."""
        try:
            return self._kinds.step_type(kind).is_destructive
        except PluginError:
            return True

    def carry_out(self, claimed: ClaimedStep, now: Callable[[], datetime]) -> tuple[StepOutcome | Broke, Ended]:
        """Do the step, once; what came of it, and what the ledger keeps of that.

        Everything that goes wrong is an answer, for the step has been begun.
        """
        bound = log.bind(run=claimed.run.number, step=claimed.step.id, kind=claimed.step.kind)
        output = ""
        try:
            outcome = self._run(claimed, now())
            if isinstance(outcome, Balance):
                outcome = self._balance(claimed, outcome, now)
            return outcome, self._kept(claimed, outcome)
        except StepError as error:
            broke = Broke(self._clean(claimed, str(error)), error.permanent, error.is_timeout)
            output = error.output
        except ValidationError as error:
            broke = Broke(f"its settings cannot be used: {_faults(error)}", is_permanent=True)
        except HealthmgrError as error:
            broke = Broke(self._clean(claimed, str(error)), is_permanent=True)
        except Exception as error:
            bound.exception("step_raised")
            broke = Broke(f"the plugin of {claimed.step.kind!r} failed: {type(error).__name__}", is_permanent=True)
        bound.info("step_failed", permanent=broke.is_permanent, timeout=broke.is_timeout)
        state = StepState.TIMED_OUT if broke.is_timeout else StepState.FAILED
        return broke, Ended(state, broke.words, self._clean_output(claimed, output))

    def _kept(self, claimed: ClaimedStep, outcome: StepOutcome) -> Ended:
        """What the ledger keeps of an outcome; the steps that ask for something wait until they have it."""
        if isinstance(outcome, Done):
            output, facts = self._clean_output(claimed, outcome.output), self._facts(claimed, outcome.facts)
            return Ended(StepState.SUCCEEDED, self._clean(claimed, outcome.message), output, facts)
        return Ended(StepState.WAITING if isinstance(outcome, Verify | Ask) else StepState.SUCCEEDED)

    def _run(self, claimed: ClaimedStep, now: datetime) -> StepOutcome:
        step, run = claimed.step, claimed.run
        plugin = self._kinds.step_type(step.kind)
        config = fill(
            step.config,
            claimed.values,
            url_fields=plugin.url_fields,
            literal=lambda text: str(resolve(text, self._environ)),
        )
        context = StepContext(
            run_id=run.id,
            runbook=run.runbook.name,
            step=step.id,
            attempt=run.progress.attempt,
            key=claimed.key,
            timeout=step.timeout,
            now=now,
            check=run.check,
            facts=run.facts,
        )
        return plugin.run(plugin.Config.model_validate(config), context)

    def _balance(self, claimed: ClaimedStep, wish: Balance, now: Callable[[], datetime]) -> Done:
        if self._balancer is None:
            raise StepError("this installation keeps no instances to be balanced", permanent=True)
        self._balancer.set_wanted(wish.service, wish.instance, wish.wanted, claimed.run.name, now())
        return Done(f"{wish.service}/{wish.instance} is {wish.wanted}")

    # ---- What may be kept ------------------------------------------------------------------------

    def _secrets(self, claimed: ClaimedStep) -> tuple[str, ...]:
        names = {name for name, _ in references(claimed.step.config)}
        values = (read_variable(name, self._environ) or "" for name in names)
        return tuple(value for value in values if len(value) >= _SHORTEST_SECRET)

    def _clean(self, claimed: ClaimedStep, message: str) -> str:
        return clean(message, self._secrets(claimed))

    def _clean_output(self, claimed: ClaimedStep, output: str) -> str:
        for secret in self._secrets(claimed):
            output = output.replace(secret, "***")
        text = output.encode("utf-8", "replace").decode("utf-8").replace("\x00", "")
        return mask(text)[:MOST_OUTPUT]

    def _facts(self, claimed: ClaimedStep, facts: Mapping[str, Any]) -> Mapping[str, Any]:
        """The facts as JSON-ready values without secrets; too many are left out whole, and say so."""
        if not facts:
            return {}
        try:
            text = json.dumps(dict(facts), default=str, allow_nan=False)
        except (TypeError, ValueError):
            return {"left_out": "the facts of this step cannot be kept"}
        for secret in self._secrets(claimed):
            text = text.replace(json.dumps(secret)[1:-1], "***")
        text = text.replace("\\u0000", "")
        if len(text) > _MOST_FACTS:
            return {"left_out": f"the facts of this step are longer than {_MOST_FACTS} characters"}
        kept: Mapping[str, Any] = json.loads(text)
        return kept


def _faults(error: ValidationError) -> str:
    """Each field and the sort of its fault, without values: they may be secret."""
    return "; ".join(
        f"{'.'.join(str(part) for part in fault['loc']) or 'config'}: "
        + ("the value cannot be used" if fault["type"] == "value_error" else fault["msg"])
        for fault in error.errors(include_input=False, include_url=False, include_context=False)
    )
