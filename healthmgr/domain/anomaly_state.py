"""Numbers of a detector's state as short text that gives back the same numbers, to the last bit."""

from __future__ import annotations

import base64
import binascii
import sys
from array import array


def packed(numbers: array[float]) -> str:
    """Text for JSON: eight bytes a number, little-endian, in base64."""
    if sys.byteorder == "big":
        numbers = array("d", numbers)
        numbers.byteswap()
    return base64.b64encode(numbers.tobytes()).decode("ascii")


def unpacked(text: str) -> array[float]:
    """What `packed` was given. Raises ValueError for text that is none of its."""
    numbers = array("d")
    try:
        numbers.frombytes(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"this is no state of an anomaly detector: {error}") from error
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
