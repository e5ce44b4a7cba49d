"""`healthmgr probe`: anything, once, without set-up: no database, no definitions."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
import yaml
from pydantic import BaseModel, ValidationError
from uuid_utils.compat import uuid7

from healthmgr.cli.failing import ExitCode
from healthmgr.cli.options import Json
from healthmgr.cli.printing import duration, print_facts, print_json, print_lines
from healthmgr.cli.wording import state_words
from healthmgr.domain.quantity import parse_duration
from healthmgr.domain.result import Cause, ProbeOrder, Result
from healthmgr.registry import Registry
from healthmgr.secrets import resolve
from healthmgr.settings import Settings
from healthmgr.telemetry import configure_logging, mask

_CLOSE_WITHIN = timedelta(seconds=1)
# Where a kind's target goes, by the names that kinds give to it; the first that is known is taken.
_TARGETS = ("url", "host", "function", "address", "name", "command", "path")


class _OwnClock:
    """This machine's clock: nothing is stored, so none has to agree with it."""

    def now(self) -> datetime:
        """This instant, aware and UTC."""
        return datetime.now(UTC)


def probe(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="The check type: http, tcp, dns, postgres, ...")],
    target: Annotated[
        str,
        typer.Argument(metavar="TARGET", help="What to look at: an address, host:port, a name; as the kind has it."),
    ] = "",
    option: Annotated[
        list[str] | None,
        typer.Option("--option", "-o", metavar="NAME=VALUE", help="A setting of the kind; may be given again."),
    ] = None,
    timeout: Annotated[
        str, typer.Option(metavar="DURATION", help="How long it may take, such as 500ms or 10s.")
    ] = "10s",
    as_json: Json = False,
) -> None:
    """Probe something once, without database or definitions; exits 1 when it is not healthy.

    For example: `healthmgr probe http https://example.com -o expected_status=[200,204]`
    """
    settings = Settings.load()
    configure_logging(settings.model_copy(update={"log_level": "error"}) if settings.log_level == "info" else settings)
    registry = Registry.load()
    model = registry.check_type(kind).Config
    config = _config(kind, model, target, option or [])
    order = _order(kind, target, config, _patience(timeout))
    result = _answer(registry, order)
    _print(result, order, as_json)
    raise typer.Exit(ExitCode.WRONG if result.status.is_bad else ExitCode.OK)


def _config(kind: str, model: type[BaseModel], target: str, options: Sequence[str]) -> dict[str, Any]:
    """The kind's settings, judged. Raises typer.BadParameter naming the setting at fault."""
    config = _read_target(kind, model, target) if target else {}
    for given in options:
        name, has_value, value = given.partition("=")
        if not has_value or not name.strip():
            raise typer.BadParameter(f"{given!r}: write NAME=VALUE", param_hint="--option")
        config[name.strip()] = _value(given, value)
    try:
        model.model_validate(resolve(config, os.environ))
    except ValidationError as error:
        faults = (
            f"{'.'.join(str(part) for part in fault['loc']) or 'config'}: {fault['msg']}"
            for fault in error.errors(include_input=False, include_url=False, include_context=False)
        )
        known = ", ".join(sorted(model.model_fields))
        raise typer.BadParameter(f"{'; '.join(faults)}. Settings of {kind}: {known}") from None
    return config


def _read_target(kind: str, model: type[BaseModel], target: str) -> dict[str, Any]:
    fields = model.model_fields
    name = next((name for name in _TARGETS if name in fields), None)
    if name is None:
        raise typer.BadParameter(f"{kind} takes no target: give its settings with --option", param_hint="TARGET")
    host, separator, port = target.rpartition(":")
    if name == "host" and "port" in fields and separator and port.isdecimal() and "]" not in port:
        return {"host": host.strip("[]"), "port": int(port)}
    if name == "command":
        return {"command": target.split()}
    return {name: target}


def _value(given: str, text: str) -> Any:
    """A value as YAML has it: 5 is a number, [200, 204] a list, true a truth."""
    try:
        return yaml.safe_load(text) if text else ""
    except yaml.YAMLError as error:
        raise typer.BadParameter(
            f"{given!r} cannot be read: put quotes around the value", param_hint="--option"
        ) from error


def _patience(text: str) -> timedelta:
    try:
        length = parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--timeout") from error
    if not timedelta(0) < length <= timedelta(hours=1):
        raise typer.BadParameter("should be more than nothing and one hour at most", param_hint="--timeout")
    return length


def _order(kind: str, target: str, config: Mapping[str, Any], timeout: timedelta) -> ProbeOrder:
    return ProbeOrder(
        check_id=uuid7(),
        slug=mask(target) or kind,
        kind=kind,
        config=config,
        timeout=timeout,
        sequence=1,
        start_by=datetime.now(UTC) + timedelta(minutes=1),
        cause=Cause.REQUEST,
    )


def _answer(registry: Registry, order: ProbeOrder) -> Result:
    # Not before it is wanted: the HTTP client that comes along would slow every other command down.
    probing = importlib.import_module("healthmgr.services.probing").Probing(
        registry, _OwnClock(), os.environ, lambda _: None, worker="probe"
    )
    probing.start()
    try:
        result: Result | None = probing.answer(order)
    finally:
        probing.close(_CLOSE_WITHIN)
    assert result is not None  # noqa: S101 - one order, within its time, is always answered
    return result


def _print(result: Result, order: ProbeOrder, as_json: bool) -> None:
    if as_json:
        document = {
            "kind": order.kind,
            "target": order.slug,
            "status": result.status.value,
            "message": result.message,
            "response_time": result.response_time,
            "metrics": dict(result.metrics),
            "started_at": result.started_at.isoformat(),
        }
        print_json(document)
        return
    said = f"{order.slug} is {result.status.value}: {result.message} ({duration(result.response_time)})"
    print_lines(state_words(result.status.value, said))
    if result.metrics:
        print_facts((name, f"{value:g}") for name, value in sorted(result.metrics.items()))
