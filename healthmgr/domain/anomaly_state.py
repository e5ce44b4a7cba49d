"""Numbers of a detector's state as short text that gives back the same numbers, to the last bit."""

from __future__ import annotations

import base64
import binascii
import sys
from array import array
from typing import Any


def packed(numbers: array[Any]) -> str:
    """Text for JSON: the numbers as they lie in memory, little-endian, in base64."""
    if sys.byteorder == "big":
        numbers = array(numbers.typecode, numbers)
        numbers.byteswap()
    return base64.b64encode(numbers.tobytes()).decode("ascii")


def unpacked(text: str, typecode: str = "d") -> array[Any]:
    """What `packed` was given. Raises ValueError for text that is none of its."""
    numbers = array(typecode)
    try:
        numbers.frombytes(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"this is no state of an anomaly detector: {error}") from error
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


class Ring:
    """The last so many numbers. Their order in `numbers` is that of a ring: `oldest` is replaced next."""

    __slots__ = ("_next", "numbers")

    def __init__(self, numbers: array[float], following: int = 0) -> None:
        self.numbers = numbers
        self._next = following

    @property
    def oldest(self) -> float:
        """The number that the next one replaces."""
        return self.numbers[self._next]

    def push(self, number: float) -> None:
        """Keep one more number, and one less."""
        self.numbers[self._next] = number
        self._next = (self._next + 1) % len(self.numbers)

    def to_state(self) -> dict[str, Any]:
        """The numbers and where the next one goes, for JSON."""
        return {"next": self._next, "numbers": packed(self.numbers)}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Ring:
        """The ring that `to_state` described."""
        return cls(unpacked(state["numbers"]), int(state["next"]))
