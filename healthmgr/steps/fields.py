"""What the settings of several kinds of step share."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from healthmgr.domain.quantity import format_duration, length_of

_LONGEST_WAIT = timedelta(days=7)


class StepConfig(BaseModel):
    """Refuses unknown fields, cannot be changed, and keeps a wrong input (it may be a secret) out of its errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, coerce_numbers_to_str=True)


def _length(value: Any) -> timedelta:
    """A text with a unit; a bare number counts milliseconds, as the spec's procedures have it."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return timedelta(milliseconds=value)
        except (OverflowError, ValueError):
            raise ValueError("is no length: write 30s, 5m or milliseconds") from None
    return length_of(value)


def _must_pass(length: timedelta) -> timedelta:
    if not timedelta(0) < length <= _LONGEST_WAIT:
        raise ValueError(f"has to be above 0 and at most {format_duration(_LONGEST_WAIT)}")
    return length


def _text(value: Any) -> Any:
    """An argument as a program is given it: placeholders may stand for numbers, and for yes or no."""
    if isinstance(value, bool):
        return str(value).lower()
    return value


def _without_nul(value: str) -> str:
    if "\0" in value:
        raise ValueError("holds a NUL character, which no program takes")
    return value


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else (value,)


Length = Annotated[timedelta, BeforeValidator(_length), AfterValidator(_must_pass)]
Argument = Annotated[str, BeforeValidator(_text), AfterValidator(_without_nul)]
Command = Annotated[tuple[Argument, ...], BeforeValidator(_as_list), Field(min_length=1, max_length=256)]
Names = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], BeforeValidator(_as_list)]


def shortest(length: timedelta, other: timedelta | None) -> timedelta:
    """The smaller of two lengths, of which the second may not be given."""
    return length if other is None else min(length, other)
