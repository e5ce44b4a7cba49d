"""The text form of matchers, taken apart into names, operators and values.

There are two ways to write them, both Alertmanager's (`pkg/labels`, `matcher/parse`). A text is read in the classic way
where it can be; it is read as UTF-8 matchers, with all the escapes of Go's strings, when a label name asks for it. Two
traps of the classic way are closed: a brace without its partner, and a value in single quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

CLASSIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_SHOWN_CHARACTERS = 80  # of the text, in an error
_SPACE = re.compile(r"\s*")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BARE_NAME = re.compile(r"""[^\s{}!=~,\\"'`]+""")
_OPERATOR = re.compile(r"=~|!~|!=|=")
_BARE_VALUE = re.compile(r'(?:[^,"\\]|\\["\\]?)*')
_CLASSIC_ESCAPE = re.compile(r'\\([n"\\])')
_STRING_PIECE = re.compile(
    r"[^\\]+|\\(?:x(?P<byte>[0-9a-fA-F]{2})|u(?P<u>[0-9a-fA-F]{4})|U(?P<U>[0-9a-fA-F]{8})"
    r'|(?P<octal>[0-3][0-7]{2})|(?P<char>[abfnrtv\\"]))'
)
_CHARACTERS = dict(zip('abfnrtv\\"', '\a\b\f\n\r\t\v\\"', strict=True))


@dataclass(frozen=True, slots=True)
class Term:
    """One matcher of a text, its quotes and escapes undone, and where it begins."""

    name: str
    operator: str
    value: str
    at: int


def split_matchers(text: str) -> list[Term]:
    """The matchers that a text holds. Raises ValueError that says at which character (from 1), and what to write."""
    written = list(_split(text, *_inside_braces(text)))
    is_classic = all(CLASSIC_NAME.fullmatch(one.name) for one in written)
    return [one.to_term(is_classic) for one in written]


@dataclass(frozen=True, slots=True)
class _Written:
    """One matcher as it stands in the text, quotes and escapes included, each part with its place."""

    text: str
    name: str
    name_at: int
    operator: str
    value: str
    value_at: int

    def to_term(self, is_classic: bool) -> Term:
        name = self._unquoted(self.name, self.name_at) if self.name.startswith('"') else self.name
        return Term(name, self.operator, self._plain_value(is_classic), self.name_at)

    def _plain_value(self, is_classic: bool) -> str:
        if is_classic:
            inner = self.value[1:-1] if self.value.startswith('"') else self.value
            return _CLASSIC_ESCAPE.sub(lambda found: _CHARACTERS[found[1]], inner)
        if self.value.startswith('"'):
            return self._unquoted(self.value, self.value_at)
        if not _BARE_NAME.fullmatch(self.value):
            raise place_error(self.text, self.value_at, "write a value with such characters in double quotes")
        return self.value

    def _unquoted(self, quoted: str, at: int) -> str:
        """What a string of Go's stands for; its bytes have to be UTF-8 in the end."""
        content, place, parts = quoted[1:-1], 0, bytearray()
        while place < len(content):
            piece = _STRING_PIECE.match(content, place)
            if piece is None:
                wrong = content[place : place + 2]
                raise place_error(self.text, at + 1 + place, f"{wrong} is no escape: write \\\\ for a backslash")
            parts += _bytes_of(piece)
            place = piece.end()
        try:
            return parts.decode()
        except UnicodeDecodeError as error:
            raise place_error(self.text, at, "the bytes in these quotes are not valid UTF-8") from error


def _inside_braces(text: str) -> tuple[int, int]:
    """Where the matchers begin and end: braces come as a pair, or not at all."""
    start, end = _skip(text, 0), len(text.rstrip())
    opens, closes = text.startswith("{", start), end > start and text.endswith("}", start, end)
    if opens and (not closes or end - start < 2):
        raise place_error(text, end, "the { is never closed: end with }")
    if closes and not opens:
        raise place_error(
            text, end - 1, "a } without its {: begin with {, or put a value that ends with } in double quotes"
        )
    return (start + 1, end - 1) if opens else (start, end)


def _split(text: str, start: int, end: int) -> Iterator[_Written]:
    at = _skip(text, start)
    while at < end:
        written, at = _one(text, at, end)
        yield written
        at = _skip(text, at)
        if at >= end:
            return
        if text[at] != ",":
            raise place_error(text, at, f"unexpected {text[at]!r}: write a comma between matchers")
        at = _skip(text, at + 1)  # a comma may also stand behind the last one


def _one(text: str, at: int, end: int) -> tuple[_Written, int]:
    name = _QUOTED.match(text, at, end) or _BARE_NAME.match(text, at, end)
    if name is None:
        raise place_error(
            text, at, f"unexpected {text[at]!r}: a label name is expected here, in double quotes if need be"
        )
    operator = _OPERATOR.match(text, _skip(text, name.end()), end)
    if operator is None:
        raise place_error(text, name.end(), "write one of = != =~ !~ after the name of the label")
    value, value_end = _value(text, _skip(text, operator.end()), end)
    written = _Written(text, name[0], at, operator[0], value, value_end - len(value))
    return written, value_end


def _value(text: str, at: int, end: int) -> tuple[str, int]:
    """A value as written, and where it ends."""
    quoted = _QUOTED.match(text, at, end)
    if quoted:
        return quoted[0], quoted.end()
    bare = _BARE_VALUE.match(text, at, end)
    value = bare[0].rstrip() if bare else ""
    place = bare.end() if bare else at
    if text.startswith('"', place, end):
        raise place_error(
            text, place, 'a double quote without its partner: write the value as "..." and \\" inside of it'
        )
    if not value:
        raise place_error(text, at, 'a value is missing: write "" for a label that is empty or missing')
    if len(value) > 1 and value[0] == value[-1] == "'":
        raise place_error(text, at, f'write the value in double quotes: "{value[1:-1]}"')
    return value, at + len(value)


def _bytes_of(piece: re.Match[str]) -> bytes:
    if piece["char"]:
        return _CHARACTERS[piece["char"]].encode()
    if piece["byte"]:
        return bytes.fromhex(piece["byte"])
    if piece["octal"]:
        return bytes([int(piece["octal"], 8)])
    code = piece["u"] or piece["U"]
    # A number that is no character becomes bytes that are no UTF-8, which is how it is found out.
    return _character(int(code, 16)) if code else piece[0].encode("utf-8", "surrogatepass")


def _character(number: int) -> bytes:
    return chr(number).encode("utf-8", "surrogatepass") if number <= 0x10FFFF else b"\xff"


def _skip(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at


def place_error(text: str, at: int, complaint: str) -> ValueError:
    """What is wrong at this place of a text."""
    return ValueError(f"{shorten(text)!r}, character {at + 1}: {complaint}")


def shorten(text: str) -> str:
    """A text, or so much of its beginning as fits into an error."""
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"
