"""What the configurations of several check types share."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field


def _must_be_a_host(value: str) -> str:
    # What cannot be a name ends in UnicodeError deep inside the resolver, where nobody would look for it.
    try:
        value.encode("idna")
    except UnicodeError:
        raise ValueError(f"{value!r} is not a host: write a name or an address, without a port") from None
    if not value.isprintable() or any(sign in value for sign in " /@[]"):
        raise ValueError(f"{value!r} is not a host: write a name or an address, without a port")
    return value


Host = Annotated[str, Field(min_length=1), AfterValidator(_must_be_a_host)]
