"""The kinds of value that the configuration of an HTTP check is made of."""

from __future__ import annotations

import base64
import re
from collections.abc import Set
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, WithJsonSchema
from pydantic import model_validator as whole

from healthmgr.domain.http_header import is_value, judge_header

_STATUS = re.compile(r"[1-5]xx|[1-5][0-9]{2}(-[1-5][0-9]{2})?")


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else (value,)


def statuses_of(pattern: int | str) -> range:
    """The status codes that a pattern stands for; none where a range is written the wrong way round."""
    if isinstance(pattern, int):
        return range(pattern, pattern + 1)
    if pattern.endswith("xx"):
        return range(int(pattern[0]) * 100, int(pattern[0]) * 100 + 100)
    first, _, last = pattern.partition("-")
    return range(int(first), int(last or first) + 1)


def _status(value: Any) -> Any:
    if isinstance(value, bool) or not _STATUS.fullmatch(str(value)):
        raise ValueError(f"{str(value)[:30]!r} is no status: write a number (204), a class (2xx) or a range (200-299)")
    if not statuses_of(value):
        raise ValueError(f"{value} is an empty range: write the smaller number first")
    return value


StatusPattern = Annotated[
    int | str,
    BeforeValidator(_status),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 100, "maximum": 599},
                {"type": "string", "pattern": "^([1-5]xx|[1-5][0-9]{2}(-[1-5][0-9]{2})?)$"},
            ]
        }
    ),
]
StatusPatterns = Annotated[tuple[StatusPattern, ...], BeforeValidator(_as_list), Field(min_length=1)]
# YAML reads an unquoted 1.2 as a number.
TlsVersion = Annotated[
    Literal["1.2", "1.3"], BeforeValidator(lambda value: str(value) if value in (1.2, 1.3) else value)
]
Assertions = Annotated[tuple[str, ...], BeforeValidator(_as_list), Field(max_length=20)]


class Part(BaseModel):
    """Refuses unknown fields, cannot be changed, and keeps a wrong input (it may be a secret) out of its errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class HttpAuth(Part):
    """Who we are to the server: a name with a password, or a token."""

    username: str = Field("", description="Name for basic authentication")
    password: SecretStr = Field(SecretStr(""), description="Password for basic authentication")
    token: SecretStr = Field(SecretStr(""), description="Bearer token, in the place of name and password")

    @whole(mode="after")
    def _is_one_or_the_other(self) -> HttpAuth:
        if bool(self.username) == bool(self.token.get_secret_value()):
            raise ValueError("give either username and password, or token")
        if self.password.get_secret_value() and not self.username:
            raise ValueError("a password needs a username")
        if ":" in self.username:
            raise ValueError("a username for basic authentication holds no colon")
        if not is_value(self.token.get_secret_value()):
            raise ValueError("the token holds a character that HTTP does not allow, such as a line break")
        return self

    def header(self) -> str:
        """The value of the Authorization header."""
        if not self.username:
            return f"Bearer {self.token.get_secret_value()}"
        pair = f"{self.username}:{self.password.get_secret_value()}"
        return f"Basic {base64.b64encode(pair.encode()).decode()}"


def allowed_headers(headers: dict[str, SecretStr], ours: Set[str]) -> dict[str, SecretStr]:
    """The headers themselves; raises ValueError for one that HTTP does not allow, or that is `ours`."""
    for name, value in headers.items():
        judge_header(name, value.get_secret_value(), ours)
    return headers
