"""Judges the settings of a plugin as its process will see them: with every reference resolved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from healthmgr.definitions.composing import Location
from healthmgr.definitions.faults import explain
from healthmgr.errors import SecretMissing
from healthmgr.secrets import references, resolve

VARIABLES: Mapping[str, Mapping[str, str]] = {
    "email": {
        "host": "SMTP_HOST",
        "port": "SMTP_PORT",
        "username": "SMTP_USERNAME",
        "password": "SMTP_PASSWORD",
        "from": "ALERT_EMAIL_FROM",
    },
    "slack": {
        "webhook_url": "SLACK_WEBHOOK_URL",
        "webhookUrl": "SLACK_WEBHOOK_URL",
        "url": "SLACK_WEBHOOK_URL",
        "channel": "SLACK_CHANNEL",
    },
    "pagerduty": {
        "integration_key": "PAGERDUTY_INTEGRATION_KEY",
        "integrationKey": "PAGERDUTY_INTEGRATION_KEY",
        "routing_key": "PAGERDUTY_INTEGRATION_KEY",
    },
}
# For every kind that has such a setting. A worker that lacks the variable still tells, in the built-in form.
_OF_EVERY_KIND: Mapping[str, str] = {"templates": "HEALTHMGR_TEMPLATES"}

Fault = tuple[Location, str]


def judge_config(config: Mapping[str, Any], model: type[BaseModel], environ: Mapping[str, str]) -> Iterator[Fault]:
    """Everything that is wrong with a plugin's settings, as (place, what). No resolved value is ever quoted."""
    resolution = Resolution(environ)
    resolved = resolution.of(config)
    yield from resolution.missing
    unset = {place for place, _ in resolution.missing}
    try:
        model.model_validate(resolved)
    except ValidationError as error:
        for place, message in explain(error, model, config):
            if place not in unset:
                yield place, resolution.conceal(message)


def with_environment(
    kind: str, config: Mapping[str, Any], model: type[BaseModel], environ: Mapping[str, str]
) -> Mapping[str, Any]:
    """A channel's settings, and references to the variables made for its kind where it leaves a setting unsaid."""
    taken = {field.alias or name for name, field in model.model_fields.items()}
    variables = {**VARIABLES.get(kind, {}), **_OF_EVERY_KIND}
    said = {variables.get(name) for name in config}  # a setting may have two names: saying either is enough
    found = {
        name: f"${{{variable}:-}}" if name in _OF_EVERY_KIND else f"${{{variable}}}"
        for name, variable in variables.items()
        if name in taken and variable not in said and (environ.get(variable) or environ.get(f"{variable}_FILE"))
    }
    return {**config, **found} if found else config


class Resolution:
    """The resolving of one value: what could not be resolved, and what must not be repeated."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.missing: list[Fault] = []
        self._environ = environ
        self._secrets: dict[str, str] = {}

    def of(self, value: Any, place: Location = ()) -> Any:
        """The value with its references resolved; text whose variable is unset stays as it is."""
        if isinstance(value, Mapping):
            return {key: self.of(item, (*place, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.of(item, (*place, index)) for index, item in enumerate(value)]
        if not isinstance(value, str) or "$" not in value:
            return value
        return self._text(value, place)

    def conceal(self, message: str) -> str:
        """The message with every value that came from the environment put back to its reference."""
        for resolved, written in sorted(self._secrets.items(), key=lambda pair: -len(pair[0])):
            message = message.replace(resolved, written)
        return message

    def _text(self, value: str, place: Location) -> str:
        try:
            resolved = str(resolve(value, self._environ))
        except SecretMissing as error:
            self.missing.append((place, _advise(value, self._environ, error)))
            return value
        if resolved != value:
            self._secrets[resolved] = value
            for name, _ in references(value):
                reference = f"${{{name}}}"
                part = self._part(reference)
                if len(part) > 3:
                    self._secrets[part] = reference
        return resolved

    def _part(self, reference: str) -> str:
        try:
            return str(resolve(reference, self._environ))
        except SecretMissing:
            return ""


def _advise(value: str, environ: Mapping[str, str], error: SecretMissing) -> str:
    unset = [
        name
        for name, has_default in references(value)
        if not has_default and not environ.get(name) and not environ.get(f"{name}_FILE")
    ]
    if not unset:
        return str(error)
    names = " and ".join(dict.fromkeys(f"{name} (or {name}_FILE)" for name in unset))
    return f"needs {names}, which this environment does not set"
