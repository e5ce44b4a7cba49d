"""What a monitoring plugin prints: its text, and its performance data as numbers in base units."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
# A label may be quoted, and then hold blanks and, doubled, the quote itself.
_ITEM = re.compile(r"(?:'((?:[^']|'')+)'|([^\s'=]+))=(\S*)(?=\s|$)")
_VALUE = re.compile(rf"({_NUMBER})\s*([A-Za-z%µμ°/]*)")
_BOUND = re.compile(_NUMBER)
_UNDETERMINED = "U"

# A "m" alone is a minute, as Icinga reads it; bytes count in thousands unless the unit says "i".
_TIMES = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZES = {
    "B": 1.0, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "PB": 1e15,
    "KIB": 2.0**10, "MIB": 2.0**20, "GIB": 2.0**30, "TIB": 2.0**40, "PIB": 2.0**50,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Perfdatum:
    """One measured value. `unit` is "s", "B", "%", "c" for a counter, or whatever else the plugin wrote.

    `warning` and `critical` are the plugin's own ranges, in its words and its unit; `minimum` and `maximum` are
    in the same base unit as `value`.
    """

    label: str
    value: float
    unit: str = ""
    warning: str = ""
    critical: str = ""
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True)
class PluginOutput:
    """The first line up to the bar, the lines after it, the numbers, and the items that could not be read."""

    text: str
    long_text: str = ""
    perfdata: tuple[Perfdatum, ...] = ()
    rejected: tuple[str, ...] = ()

    @property
    def metrics(self) -> Mapping[str, float]:
        """Each label with its value; the last one counts where a label comes twice."""
        return {item.label: item.value for item in self.perfdata}


@dataclass(slots=True)
class _Reading:
    items: list[Perfdatum] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)


def parse_output(output: str) -> PluginOutput:
    """Everything that a plugin printed: the first line, then long text, then more numbers after a second bar."""
    first, _, rest = output.lstrip("\r\n").partition("\n")
    text, _, numbers = first.partition("|")
    long_text, _, more_numbers = rest.partition("|")
    items, rejected = parse_perfdata(f"{numbers} {more_numbers}")
    return PluginOutput(text.strip(), long_text.strip(), items, rejected)


def parse_perfdata(text: str) -> tuple[tuple[Perfdatum, ...], tuple[str, ...]]:
    """Items of the form label=value[unit];warn;crit;min;max, and those that are not; one bad item spoils no other.

    A value of "U" says that the plugin could not measure: such an item is neither.
    """
    reading = _Reading()
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        match = _ITEM.match(text, position)
        if match is None:
            position = _skip(text, position, reading)
            continue
        position = match.end()
        _read(match, reading)
    return tuple(reading.items), tuple(reading.rejected)


def _skip(text: str, position: int, reading: _Reading) -> int:
    """Past what is no item, up to the next blank."""
    end = next((i for i in range(position, len(text)) if text[i].isspace()), len(text))
    reading.rejected.append(text[position:end])
    return end


def _read(match: re.Match[str], reading: _Reading) -> None:
    label = match[2] if match[1] is None else match[1].replace("''", "'")
    value, *bounds = match[3].split(";")
    if value == _UNDETERMINED:
        return
    number = _VALUE.fullmatch(value)
    if number is None:
        reading.rejected.append(match[0])
        return
    factor, unit = _base(number[2])
    warning, critical, minimum, maximum = (*bounds, "", "", "", "")[:4]
    reading.items.append(
        Perfdatum(
            label=label,
            value=float(number[1]) * factor,
            unit=unit,
            warning=warning,
            critical=critical,
            minimum=_bound(minimum, factor),
            maximum=_bound(maximum, factor),
        )
    )


def _base(unit: str) -> tuple[float, str]:
    if unit in _TIMES:
        return _TIMES[unit], "s"
    if unit.upper() in _SIZES and unit != "b":  # a small "b" is bits
        return _SIZES[unit.upper()], "B"
    return 1.0, unit


def _bound(text: str, factor: float) -> float | None:
    return float(text) * factor if _BOUND.fullmatch(text) else None
