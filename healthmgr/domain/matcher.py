"""Matchers: what the labels of an alert have to look like. Their meaning and their text form are Alertmanager's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import re2

from healthmgr.domain.matcher_text import CLASSIC_NAME, place_error, shorten, split_matchers

MAX_REGEX_CHARACTERS = 16_384
_MAX_REGEX_BYTES = 1 << 20  # what one compiled expression, with the automaton that grows while it runs, may take
_KEPT_REGEXES = 512


class Operator(StrEnum):
    """How a label is compared."""

    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"

    @property
    def is_regex(self) -> bool:
        """Whether the value is a regular expression."""
        return self in (Operator.REGEX, Operator.NOT_REGEX)

    @property
    def is_equal(self) -> bool:
        """Whether the label has to match, rather than must not."""
        return self in (Operator.EQUAL, Operator.REGEX)


@dataclass(frozen=True, slots=True)
class Matcher:
    """One demand on one label. Raises ValueError for a name, value or expression that cannot be.

    Regular expressions have RE2's syntax, which takes linear time, and have to match the whole label.
    """

    name: str
    operator: Operator
    value: str

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a matcher needs the name of a label")
        for text in (self.name, self.value):
            _refuse_what_no_label_holds(text)
        if self.operator.is_regex:
            _compile(self.value)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether these labels meet the demand. A label that is missing is the same as an empty one."""
        label = labels.get(self.name, "")
        if self.operator.is_regex:
            # In bytes, the binding has no positions to translate. JSON may bring half a surrogate pair: no letter.
            found = _compile(self.value).fullmatch(label.encode("utf-8", "replace")) is not None
        else:
            found = label == self.value
        return found is self.operator.is_equal

    def matches_empty(self) -> bool:
        """Whether labels without this name meet the demand as well."""
        return self.matches({})

    def __str__(self) -> str:
        name = self.name if CLASSIC_NAME.fullmatch(self.name) else _quote(self.name)
        return f"{name}{self.operator}{_quote(self.value)}"

    def to_document(self) -> dict[str, str]:
        """The form in which it is stored."""
        return {"name": self.name, "operator": str(self.operator), "value": self.value}

    @classmethod
    def from_document(cls, document: Mapping[str, object]) -> Matcher:
        """The reverse of to_document. Raises ValueError naming the field that is wrong."""
        operator = _text_field(document, "operator")
        if operator not in list(Operator):
            raise ValueError(f"operator: {operator!r} is none: write one of {', '.join(Operator)}")
        return cls(_text_field(document, "name"), Operator(operator), _text_field(document, "value"))

    def to_wire(self) -> dict[str, str | bool]:
        """The form of Alertmanager's API."""
        return {
            "name": self.name,
            "value": self.value,
            "isRegex": self.operator.is_regex,
            "isEqual": self.operator.is_equal,
        }


def from_wire(name: str, value: str, is_regex: bool, is_equal: bool = True) -> Matcher:
    """A matcher out of the fields of Alertmanager's API, where isEqual may be left out. Raises ValueError."""
    if is_regex:
        return Matcher(name, Operator.REGEX if is_equal else Operator.NOT_REGEX, value)
    return Matcher(name, Operator.EQUAL if is_equal else Operator.NOT_EQUAL, value)


def match_all(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether these labels meet every demand; without any, they do."""
    return all(matcher.matches(labels) for matcher in matchers)


def parse_matcher(text: str) -> Matcher:
    """The one matcher that is written here. Raises ValueError, also when there is none or more than one."""
    matchers = parse_matchers(text)
    if len(matchers) != 1:
        raise ValueError(f"{shorten(text)!r} holds {len(matchers)} matchers: write one, such as service=api")
    return matchers[0]


def parse_matchers(text: str) -> tuple[Matcher, ...]:
    """The matchers in a text such as `{service="api", host=~"db.*"}` or `service=api,host=~db.*`; none in `{}`.

    Raises ValueError that says at which character (from 1) something is wrong, and what to write.
    """
    matchers = []
    for term in split_matchers(text):
        try:
            matchers.append(Matcher(term.name, Operator(term.operator), term.value))
        except ValueError as error:
            raise place_error(text, term.at, str(error)) from error
    return tuple(matchers)


def _quote(text: str) -> str:
    """In double quotes, with the three escapes that both ways of reading take for the same."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _refuse_what_no_label_holds(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{shorten(text)!r} is not valid UTF-8") from error
    if "\0" in text:
        raise ValueError(f"{shorten(text)!r} holds a NUL character, which no label can")


def _text_field(document: Mapping[str, object], field: str) -> str:
    value = document.get(field)
    if not isinstance(value, str):
        raise ValueError(f"{field}: write a text, not {value!r}")  # noqa: TRY004  one kind of error for what people wrote
    return value


@lru_cache(maxsize=_KEPT_REGEXES)
def _compile(pattern: str) -> re2._Regexp:
    if len(pattern) > MAX_REGEX_CHARACTERS:
        raise ValueError(f"the regular expression has {len(pattern)} characters: {MAX_REGEX_CHARACTERS} are allowed")
    options = re2.Options()
    options.max_mem = _MAX_REGEX_BYTES
    options.log_errors = False
    options.never_capture = True
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0].decode("utf-8", "replace") if isinstance(error.args[0], bytes) else error
        raise ValueError(f"{shorten(pattern)!r} is no regular expression of RE2's: {shorten(str(reason))}") from error
