"""Settings as they may be shown: what may be secret is left out, what refers to a secret stays as it is written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, SecretStr

from healthmgr.definitions.faults import may_be_secret, model_in
from healthmgr.secrets import mask, split_references

HIDDEN = "***"

# Stand for a reference while a text is looked through, the second where a secret was: private letters, in no text.
_HELD, _VEILED = "\ue000", "\ue001"
_MARKS = re.compile(f"([{_HELD}{_VEILED}])")
_KEPT = re.compile(rf"({_VEILED}|\s+|\b(?:Bearer|Basic|Token|Digest)(?=\s))")
_NAMED = re.compile(
    r"""((?:pass(?:word|wd|phrase)?|secret|token|credentials?|authorization|api[_-]?key|access[_-]?key|sig(?:nature)?)
    ["']?\s*[=:]\s*["']?(?:(?:Bearer|Basic|Token|Digest)\s+)?)([^\s&"',;}]+)""",
    re.IGNORECASE | re.VERBOSE,
)
_IN_URL = re.compile(r"(\w{1,40}://[^\s:/@]*:)([^\s@/]+)(?=@)")  # bounded, else a long word takes minutes


def conceal(config: Mapping[str, Any], model: type[BaseModel] | None) -> dict[str, Any]:
    """The settings of a plugin without secrets.

    Secret is what `model` holds as such, what is named like one, and what looks like one within a text: the password
    of a URL, the value after `token=`, the word after `--password`. Of `${NAME}` nothing is hidden but its default.
    """
    sorts = _sorts(model)
    return {name: _concealed(value, sorts.get(name), is_secret=may_be_secret(name)) for name, value in config.items()}


def _sorts(model: type[BaseModel] | None) -> dict[str, Any]:
    """What each field of a model holds, by every name that it may be written with."""
    fields = model.model_fields if model is not None else {}
    return {name: field.annotation for key, field in fields.items() for name in (key, field.alias or key)}


def _concealed(value: Any, sort: Any, *, is_secret: bool) -> Any:
    inner = model_in(sort)
    is_held = inner is None and _holds_secret(sort)
    if isinstance(value, Mapping):
        # A mapping is no secret for its name: what it holds has names of its own, as `auth` has `username`.
        return (
            {name: _concealed(item, SecretStr, is_secret=True) for name, item in value.items()}
            if is_held
            else conceal(value, inner)
        )
    if isinstance(value, list | tuple):
        return _each(value, sort, is_secret=is_secret)
    if isinstance(value, str):
        return _text(value, is_secret=is_secret or is_held)
    return HIDDEN if (is_secret or is_held) and value is not None and not isinstance(value, bool) else value


def _each(values: Sequence[Any], sort: Any, *, is_secret: bool) -> list[Any]:
    shown, after_flag = [], False
    for value in values:
        shown.append(_concealed(value, sort, is_secret=is_secret or after_flag))
        after_flag = isinstance(value, str) and value.startswith("-") and "=" not in value and may_be_secret(value)
    return shown


def _text(text: str, *, is_secret: bool) -> str:
    plain, found = split_references(_MARKS.sub("", text), _HELD)
    if is_secret:
        plain = _hidden(plain)
    else:
        for pattern in (_IN_URL, _NAMED):
            plain = pattern.sub(lambda match: match[1] + _hidden(match[2]), plain)
    references = iter(found)
    return "".join(
        mask(part) if part not in (_HELD, _VEILED) else _reference(*next(references), is_secret=part == _VEILED)
        for part in _MARKS.split(plain)
    )


def _reference(name: str, default: str | None, *, is_secret: bool) -> str:
    if default is None:
        return f"${{{name}}}"
    return f"${{{name}:-{_text(default, is_secret=is_secret or may_be_secret(name))}}}"


def _hidden(text: str) -> str:
    """The text without all but references and the word before a credential, as in "Bearer ${TOKEN}"."""
    parts = _KEPT.split(text.replace(_HELD, _VEILED))
    return "".join(part if place % 2 else HIDDEN for place, part in enumerate(parts) if part)


def _holds_secret(sort: Any) -> bool:
    return sort is SecretStr or any(_holds_secret(part) for part in get_args(sort))
