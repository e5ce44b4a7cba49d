"""What every check type owes, checked on the class and, given a configuration, on a probe."""

from __future__ import annotations

import asyncio
import inspect
import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from healthmgr.domain.check import Status
from healthmgr.domain.result import Outcome
from healthmgr.errors import PluginError
from healthmgr.ports import CheckType
from healthmgr.testing.plugin_contract import assert_config, assert_discreet, assert_plugin, owe
from healthmgr.testing.probing import probe, probe_context

_CANCELLED_WITHIN = 2.0  # seconds


def assert_check_type_contract(
    check_type: type[Any],
    config: Mapping[str, Any] | None = None,
    *,
    timeout: timedelta = timedelta(seconds=2),
    view: Mapping[str, Any] | None = None,
) -> None:
    """Raises AssertionError, saying what to change, unless this class is a check type that healthmgr can use.

    With a `config`, as in a definitions file, it is probed as well: whatever it finds has to be an Outcome or a
    PluginError, within `timeout`, and a coroutine has to end when it is cancelled. `view` is for passive kinds.
    """
    assert_plugin(check_type, "probe", ["config", "context"])
    name = check_type.__qualname__
    owe(isinstance(getattr(check_type, "uses_network", None), bool), f"{name}: uses_network has to be True or False")
    owe(isinstance(check_type(), CheckType), f"{name}: it lacks something of healthmgr.ports.CheckType")
    assert_config(check_type)
    if config is not None:
        texts = _probed(check_type, config, timeout, view)
        assert_discreet(check_type, config, texts)
        if inspect.iscoroutinefunction(check_type.probe):
            asyncio.run(_cancel(check_type, config, view))


def _probed(
    check_type: type[Any], config: Mapping[str, Any], timeout: timedelta, view: Mapping[str, Any] | None
) -> list[str]:
    name = check_type.__qualname__
    try:
        outcome: Any = probe(check_type, config, timeout=timeout, view=view)
    except PluginError as error:
        return [str(error)]
    except AssertionError:
        raise
    except Exception as error:
        said = f"{type(error).__name__} escaped from its probe ({error})"
        raise AssertionError(
            f"{name}: {said}: return an Outcome, or raise ProbeError when nothing was learnt"
        ) from error
    owe(isinstance(outcome, Outcome), f"{name}: its probe returned {type(outcome).__name__}, not an Outcome")
    owe(isinstance(outcome.status, Status), f"{name}: {outcome.status!r} is not a Status")
    owe(isinstance(outcome.message, str), f"{name}: the message of its Outcome is not text")
    is_told = bool(outcome.message) or outcome.status is Status.HEALTHY
    owe(is_told, f"{name}: a result that is not healthy has to say why, in one line")
    for metric, value in outcome.metrics.items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        owe(is_number, f"{name}: the metric {metric!r} is {value!r}, not a finite number")
    return [outcome.message]


async def _cancel(check_type: type[Any], config: Mapping[str, Any], view: Mapping[str, Any] | None) -> None:
    plugin = check_type()
    async with probe_context(view=view) as context:
        task = asyncio.ensure_future(plugin.probe(plugin.Config.model_validate(dict(config)), context))
        await asyncio.sleep(0)  # as far as its first wait
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=_CANCELLED_WITHIN)
        owe(bool(done), f"{check_type.__qualname__}: its probe goes on after it was cancelled")
        if not task.cancelled():
            task.exception()  # it may have ended by itself just before; whatever it raised was judged above
