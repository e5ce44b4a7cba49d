"""What a target said, made fit to be kept and shown: bounded, without control characters and without secrets."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from healthmgr.channels.text import clean, one_line, without
from healthmgr.domain.step import MOST_OUTPUT
from healthmgr.secrets import mask

_SHORTEST_SECRET = 4  # characters; a shorter one would blank out ordinary words
_SHORTEST_VARIABLE = 6  # characters of a variable's value that is masked, whoever says it
_LONGEST_LINE = 300  # characters
_MOST_LOOKED_AT = 65_536  # characters
_SECRET_NAME = re.compile(r"PASSWORD|PASSPHRASE|SECRET|TOKEN|CREDENTIAL|KEY$", re.IGNORECASE)


def shown(text: str, secrets: Iterable[str] = ()) -> str:
    """The text over as many lines as it has."""
    return clean(_masked(text, secrets), MOST_OUTPUT)


def line(text: str, secrets: Iterable[str] = (), most: int = _LONGEST_LINE) -> str:
    """The text in one line."""
    return one_line(_masked(text, secrets), most)


def _masked(text: str, secrets: Iterable[str]) -> str:
    """Without these, what this process itself keeps as a secret, and what looks like one."""
    text = text[:_MOST_LOOKED_AT]
    known = [secret for secret in secrets if len(secret) >= _SHORTEST_SECRET]
    known += [
        value
        for name, value in os.environ.items()
        if len(value) >= _SHORTEST_VARIABLE and _SECRET_NAME.search(name) and value in text
    ]
    return mask(without(text, known))
