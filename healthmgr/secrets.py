"""Secrets by reference: `${VAR}` in a document, or a variable's own `*_FILE` twin.

A document keeps its references when it is stored or sent through the broker; they are resolved in the
process that needs them, at the moment it needs them, so that no secret ever lies in a row or a message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from healthmgr.errors import SecretMissing

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_URL_PASSWORD = re.compile(r"(\w{1,40}://[^\s:/@]*:)[^\s@/]+@")  # bounded, else a long word takes minutes
_TOKEN = re.compile(r"\b(hm_|whsec_)[A-Za-z0-9_\-+/=]{6,}")


def read_variable(name: str, environ: Mapping[str, str]) -> str | None:
    """The variable's value, or the stripped content of the file that `NAME_FILE` names; None when neither is set.

    Raises SecretMissing when the file cannot be read.
    """
    if environ.get(name):
        return environ[name]
    path = environ.get(f"{name}_FILE")
    if not path:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SecretMissing(f"{name}_FILE names {path}, which cannot be read: {error.strerror}") from error


def references(value: Any) -> Iterator[tuple[str, bool]]:
    """Every `${VAR}` in a document's strings, as (name, has a default)."""
    if isinstance(value, str):
        for match in _REFERENCE.finditer(value):
            yield match[1], match[2] is not None
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from references(item)


def split_references(text: str, mark: str) -> tuple[str, list[tuple[str, str | None]]]:
    """The text with `mark` in the place of every `${VAR}`, and what stood there, as (name, default) in its order."""
    found = [(match[1], match[2]) for match in _REFERENCE.finditer(text)]
    return _REFERENCE.sub(lambda _: mark, text), found


def resolve(value: Any, environ: Mapping[str, str]) -> Any:
    """The document with every `${VAR}` (or `${VAR:-default}`) replaced; raises SecretMissing naming an unset one."""
    if isinstance(value, str):
        return _REFERENCE.sub(lambda match: _lookup(match, environ), value)
    if isinstance(value, Mapping):
        return {key: resolve(item, environ) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [resolve(item, environ) for item in value]
    return value


def mask(text: str) -> str:
    """The text without passwords in URLs, access tokens and signing secrets."""
    return _TOKEN.sub(r"\1***", _URL_PASSWORD.sub(r"\1***@", text))


def _lookup(match: re.Match[str], environ: Mapping[str, str]) -> str:
    found = read_variable(match[1], environ)
    if found is None:
        found = match[2]
    if found is None:
        raise SecretMissing(f"${{{match[1]}}} is not set in this process: export {match[1]} or {match[1]}_FILE")
    return found
