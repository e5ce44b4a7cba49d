"""Placeholders in a step's settings: `{{ labels.host }}` stands for a value, which stays data wherever it lands.

A name is looked up, dot by dot, and nothing more: there are no expressions, and what was filled in is never looked at
again, so that a value which looks like a placeholder, or like a reference to a secret, is text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from healthmgr.errors import StepError

MOST_BYTES = 8_192  # of one value

Place = tuple[str | int, ...]

_MARK = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_][^\s{}|()\[\]\"'.]*(?:\.[^\s{}|()\[\]\"'.]+)*")
_HOLD = "{{"
_ABSENT = object()
_END_OF_PATH = re.compile(r"[?#]")


def fill(
    config: Mapping[str, Any],
    values: Mapping[str, Any],
    *,
    url_fields: Collection[str] = (),
    literal: Callable[[str], str] = str,
) -> dict[str, Any]:
    """The settings with every placeholder in their texts filled from `values`.

    A text that is one placeholder and nothing else takes the value with its sort: a number, a list. In `url_fields`
    what is filled in is percent-encoded, and may not climb in the path. `literal` turns what is written between
    placeholders into what is meant, so that references to secrets are resolved in the same pass, and never in values.
    Raises StepError for a name that is not there, and for a value with a NUL or beyond 8 KB.
    """
    return {
        name: _filled(value, values, name in url_fields, literal, (name,)) if isinstance(name, str) else value
        for name, value in config.items()
    }


def fill_text(text: str, values: Mapping[str, Any], place: Place = ()) -> str:
    """One text with every placeholder filled, as text. Raises StepError as `fill` does."""
    return _text(text, values, str, str, place)


def placeholders_in(value: Any, place: Place = ()) -> Iterator[tuple[Place, str]]:
    """Every placeholder, as (place, name); a malformed one with what stands between its braces."""
    for where, text in _texts(value, place):
        for match in _MARK.finditer(text):
            yield where, match[1].strip()


def refuse_placeholders(
    config: Mapping[str, Any], fixed_fields: Collection[str] = (), url_fields: Collection[str] = ()
) -> list[tuple[Place, str]]:
    """What is wrong with the placeholders of a definition's settings, as (place, message).

    A fixed field may hold none; it is named by its path, as `statement` or `command.0` (the first of a list, or all of
    it where it is one text). Names of fields hold none either, an address at most behind its scheme, and each has to
    be a plain dotted name.
    """
    fixed = [tuple(field.split(".")) for field in fixed_fields]
    found: list[tuple[Place, str]] = []
    for place, text in _texts(config, ()):
        if any(_covers(path, place) for path in fixed) and _HOLD in text:
            found.append((place, "may hold no placeholder: what is run is what stands in the definition, word by word"))
            continue
        if place[0] in url_fields and _leads_anywhere(text):
            found.append(
                (place, "a value fills one part of an address: write how it begins, as https://shop.example.com/")
            )
        found += [(place, message) for message in _faults(text)]
    found += [(place, "a name may hold no placeholder: put it into a value") for place in _marked_names(config, ())]
    return found


def _filled(value: Any, values: Mapping[str, Any], is_url: bool, literal: Callable[[str], str], place: Place) -> Any:
    if isinstance(value, Mapping):
        return {key: _filled(each, values, is_url, literal, (*place, key)) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_filled(each, values, is_url, literal, (*place, index)) for index, each in enumerate(value)]
    if not isinstance(value, str):
        return value
    if is_url:
        return _address(value, values, literal, place)
    whole = _MARK.fullmatch(value)
    if whole is not None and _HOLD not in whole[1]:
        return _value(whole[1], values, place)
    return _text(value, values, literal, str, place)


def _address(text: str, values: Mapping[str, Any], literal: Callable[[str], str], place: Place) -> str:
    """An address. A client takes `..` out of a path before it asks, also where it is written as %2E%2E."""
    filled = _text(text, values, literal, lambda value: quote(value, safe=""), place)
    if filled != text and _climbs(filled) and not _climbs(_MARK.sub("x", text)):
        raise _fault(place, "a value would lead to another path: '.' and '..' cannot be parts of one")
    return filled


def _leads_anywhere(text: str) -> bool:
    """Whether a value would say what is talked to, and how."""
    first = text.find(_HOLD)
    return first >= 0 and not text.startswith("/") and "://" not in text[:first]


def _climbs(address: str) -> bool:
    path = _END_OF_PATH.split(address, maxsplit=1)[0].replace("%2E", ".").replace("%2e", ".")
    return any(part in (".", "..") for part in path.replace("\\", "/").split("/"))


def _text(
    text: str, values: Mapping[str, Any], literal: Callable[[str], str], encode: Callable[[str], str], place: Place
) -> str:
    parts: list[str] = []
    end = 0
    for match in _MARK.finditer(text):
        parts += [_written(text[end : match.start()], literal, place), encode(_word(match[1], values, place))]
        end = match.end()
    parts.append(_written(text[end:], literal, place))
    return "".join(parts)


def _written(text: str, literal: Callable[[str], str], place: Place) -> str:
    if _HOLD in text:
        raise _fault(place, f"{_HOLD!r} is not closed")
    return literal(text) if text else ""


def _word(name: str, values: Mapping[str, Any], place: Place) -> str:
    value = _value(name, values, place)
    if isinstance(value, Mapping | list | tuple):
        raise _fault(place, f"{name.strip()!r} stands within text, so it has to be one value")
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _value(name: str, values: Mapping[str, Any], place: Place) -> Any:
    name = name.strip()
    if not _NAME.fullmatch(name):
        raise _fault(place, _not_a_name(name))
    found = _look_up(name, values)
    if found is _ABSENT:
        raise _fault(place, f"needs {name!r}, which this run does not have{_nearby(name, values)}")
    for text in _all_texts(found):
        _refuse_unfit(name, text, place)
    return found


def _look_up(name: str, values: Any) -> Any:
    """Dot by dot; a key that itself has dots is found as well, the longest first."""
    if not isinstance(values, Mapping):
        return _ABSENT
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        key, rest = ".".join(parts[:length]), ".".join(parts[length:])
        if key in values:
            found = _look_up(rest, values[key]) if rest else values[key]
            if found is not _ABSENT:
                return found
    return _ABSENT


def _nearby(name: str, values: Mapping[str, Any]) -> str:
    root, _, rest = name.partition(".")
    there = values.get(root)
    if rest and isinstance(there, Mapping):
        return f": {root} has {', '.join(sorted(map(str, there))[:20]) or 'nothing'}"
    return f": there are {', '.join(sorted(values))}" if root not in values else ""


def _refuse_unfit(name: str, text: str, place: Place) -> None:
    if "\0" in text:
        raise _fault(place, f"{name!r} holds a NUL character, which no target takes as text")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise _fault(place, f"{name!r} is no text: half of a character stands alone in it") from None
    if size > MOST_BYTES:
        raise _fault(place, f"{name!r} is {size} bytes long: {MOST_BYTES} is the most that is filled in")


def _faults(text: str) -> Iterator[str]:
    for match in _MARK.finditer(text):
        name = match[1].strip()
        if not _NAME.fullmatch(name):
            yield _not_a_name(name)
    if _HOLD in _MARK.sub("", text):
        yield f"{_HOLD!r} is not closed"


def _not_a_name(name: str) -> str:
    return f"'{{{{ {name[:60]} }}}}' is no placeholder: write a name such as {{{{ labels.host }}}}, without expressions"


def _covers(path: tuple[str, ...], place: Place) -> bool:
    """Whether a fixed path names this place, something that it is in, or a part of the text that is there."""
    words = tuple(str(part) for part in place)
    return words[: len(path)] == path or (len(words) < len(path) and path[: len(words)] == words)


def _texts(value: Any, place: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _texts(each, (*place, key))
    elif isinstance(value, list | tuple):
        for index, each in enumerate(value):
            yield from _texts(each, (*place, index))


def _marked_names(value: Any, place: Place) -> Iterator[Place]:
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list | tuple) else ()
    for key, each in items:
        if isinstance(key, str) and _HOLD in key:
            yield (*place, key)
        yield from _marked_names(each, (*place, key))


def _all_texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _all_texts(key)
            yield from _all_texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _all_texts(each)


def _fault(place: Place, message: str) -> StepError:
    where = ".".join(map(str, place))
    return StepError(f"{where}: {message}" if where else message, permanent=True)
