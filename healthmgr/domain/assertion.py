"""Assertions: short expressions in CEL about what a target answered, and numbers picked by such expressions.

The evaluator can be interrupted by nothing and holds the interpreter while it runs. So an expression is short,
what it looks at is limited, and `cost` says beforehand, on the safe side, how long it may take: whoever
evaluates does the dear ones in a process that can be ended.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import cel

LONGEST_EXPRESSION = 2048  # characters; the parser's recursion is safe far beyond this
MOST_VALUES = 100_000  # in one document
DEEPEST = 64  # levels of lists and maps within one another
_LONGEST_FOUND = 120  # characters of a value that a message shows
_MOST_FOUND = 4
_LOOPS = re.compile(r"\b(?:all|exists\w*|map|filter)\b")
_PANIC = "PanicException"  # pyo3's, which is a BaseException and cannot be imported


class NotEvaluable(ValueError):
    """The expression has no value here; the message says why."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much an expression looks at: values, the longest list or map among them, and bytes of text."""

    values: int = 0
    longest: int = 1
    text: int = 0


def size_of(value: Any) -> Size:
    """The size of a document; raises NotEvaluable where it has more than MOST_VALUES or is deeper than DEEPEST."""
    values, longest, text = 0, 1, 0
    level: list[Any] = [value]
    for _ in range(DEEPEST):
        following: list[Any] = []
        for item in level:
            if isinstance(item, str):
                text += len(item)
            elif isinstance(item, Mapping):
                longest = max(longest, len(item))
                text += sum(map(len, item))
                following.extend(item.values())
            elif isinstance(item, list):
                longest = max(longest, len(item))
                following.extend(item)
        values += len(level)
        if values + len(following) > MOST_VALUES:
            raise NotEvaluable(f"it has more than {MOST_VALUES} values")
        if not following:
            return Size(values, longest, text)
        level = following
    raise NotEvaluable(f"it is nested deeper than {DEEPEST} levels")


class Expression:
    """One expression in CEL over a fixed set of names."""

    def __init__(self, text: str, names: Collection[str]) -> None:
        """Compile it; raises ValueError saying what is wrong with it."""
        if len(text) > LONGEST_EXPRESSION:
            raise ValueError(f"the expression has {len(text)} characters: {LONGEST_EXPRESSION} at most")
        self.text = text
        program = _compile(text)
        bound = set(re.findall(r"\(\s*(\w+)\s*,", text))
        used = set(program.variables())
        unknown = sorted(used - set(names) - bound)
        if unknown:
            raise ValueError(f"there is no {unknown[0]!r} in {text!r}; there is {', '.join(sorted(names))}")
        self.names = frozenset(used & set(names))
        self._program = program
        # A result is turned into Python's values, whatever its size: what is compared gives a plain true or false.
        self._is_true = _compile(f"({text}\n) == true")
        self._is_false = _compile(f"({text}\n) == false")
        self._number = _compile(f"double({text}\n)")
        self._paths = _paths_in(text, names)

    def cost(self, sizes: Mapping[str, Size]) -> float:
        """The seconds that evaluating may take, estimated on the safe side; may be infinite."""
        try:
            return self._cost(sizes)
        except OverflowError:
            return math.inf

    def _cost(self, sizes: Mapping[str, Size]) -> float:
        seen = [sizes[name] for name in self.names if name in sizes]
        values, text = sum(size.values for size in seen), sum(size.text for size in seen) + len(self.text)
        loops = len(_LOOPS.findall(self.text))
        makers = max(0, self.text.count("+") + self.text.count(",") - loops)
        # Every loop may run over the longest list, inside the others, and what it makes may be looped over again.
        growth = (1.0 + makers) ** max(1, loops)
        longest = max([makers + 1, *(size.longest for size in seen)])
        rounds = (longest * (growth if loops > 1 else 1.0)) ** loops
        once = 3e-6 + text * growth * 2e-9
        if "matches" in self.text:
            # Measured: a search is linear in the text, and its slope rises with what may repeat.
            repeats = sum(map(self.text.count, "?*+")) + 100 * self.text.count("{")
            once += 1e-3 + text * growth * (2e-8 + 1e-7 * repeats)
        return values * 2e-6 + rounds * once

    def complaint(self, subject: Subject) -> str:
        """Why the assertion fails: what was expected and what was found. Empty where it holds."""
        try:
            if subject.run(self._is_true) is True:
                return ""
            if subject.run(self._is_false) is True:
                return f"expected {self.text}, found {self._found(subject)}"
        except NotEvaluable as error:
            return f"expected {self.text}, but {error}{self._found_too(subject)}"
        return f"expected {self.text}, but it is neither true nor false{self._found_too(subject)}"

    def value(self, subject: Subject) -> Any:
        """Whatever it gives, in Python's values; raises NotEvaluable where it has none."""
        return subject.run(self._program)

    def number(self, subject: Subject) -> float:
        """Its value as a finite number; raises NotEvaluable where it has none."""
        try:
            value = subject.run(self._number)
        except NotEvaluable as error:
            raise NotEvaluable("it is not a number" if "'double'" in str(error) else str(error)) from error
        if not isinstance(value, float) or not math.isfinite(value):
            raise NotEvaluable("it is not a finite number")
        return value

    def _found(self, subject: Subject) -> str:
        found = [f"{path} = {_shown(subject.at(steps))}" for path, steps in self._paths[:_MOST_FOUND]]
        return ", ".join(found) or "that it is false"

    def _found_too(self, subject: Subject) -> str:
        return f" (found {self._found(subject)})" if self._paths else ""


class Subject:
    """The values that expressions are evaluated over, converted once for all of them.

    `absent` says for names without a value why they have none.
    """

    def __init__(self, values: Mapping[str, Any], absent: Mapping[str, str] | None = None) -> None:
        self._values = values
        self._absent = absent or {}
        self._context: Any = None

    def run(self, program: Any) -> Any:
        """The value of a compiled expression; raises NotEvaluable saying why there is none."""
        try:
            if self._context is None:
                self._context = cel.Context(variables=dict(self._values))
            return program.execute(self._context)
        except Exception as error:
            raise NotEvaluable(_reason(error, self._absent)) from error
        except BaseException as error:
            if type(error).__name__ != _PANIC:
                raise
            raise NotEvaluable("the evaluator gave up on it") from error

    def at(self, steps: Iterable[str | int]) -> Any:
        """The value at a path, or `_ABSENT`."""
        value: Any = self._values
        for step in steps:
            is_item = isinstance(value, list) and isinstance(step, int) and step < len(value)
            if not is_item and not (isinstance(value, Mapping) and step in value):
                return _ABSENT
            value = value[step]
        return value


_ABSENT = object()


def _compile(text: str) -> Any:
    try:
        return cel.compile(text)
    except Exception as error:
        raise ValueError(f"{_short(text)!r} is not an expression in CEL: {_syntax(str(error))}") from None
    except BaseException as error:
        if type(error).__name__ != _PANIC:
            raise
        raise ValueError(f"{_short(text)!r} is not an expression in CEL that can be read") from None


def _syntax(message: str) -> str:
    found = re.search(r"<input>:\d+:(\d+): (?:Syntax error: )?([^\n]+)", message)
    return f"{found[2]} (column {found[1]})" if found else _short(message)


def _reason(error: Exception, absent: Mapping[str, str]) -> str:
    if isinstance(error, KeyError):
        return f"there is no {error.args[0] if error.args else ''!r}"
    if isinstance(error, TypeError):
        return "its values are of kinds that do not go together (write double(x) or string(x) where they differ)"
    first = re.split(r"\. |\n", str(error), maxsplit=1)[0]
    undefined = re.match(r"Undefined variable or function: '(.+)'", first)
    if undefined:
        return absent.get(undefined[1], f"there is no {undefined[1]!r}")
    return first or type(error).__name__


def _paths_in(text: str, names: Collection[str]) -> list[tuple[str, list[str | int]]]:
    """The paths that the expression spells out, such as json.pool.used, each once."""
    # A name is taken whole or not at all: one that is called is no part of a path.
    step = r"""\.[A-Za-z_]\w*(?!\w)(?!\s*\()|\[\d{1,9}\]|\["[^"\\]*"\]|\['[^'\\]*'\]"""
    pattern = rf"(?<![\w.\"'])(?:{'|'.join(map(re.escape, sorted(names)))})\b(?:{step})*"
    found = dict.fromkeys(match[0] for match in re.finditer(pattern, text))
    return [(path, list(_steps(path))) for path in found]


def _steps(path: str) -> Iterator[str | int]:
    for name, index, key in re.findall(r"""(\w+)(?=[.\[]|$)|\[(\d+)\]|\[["']([^"']*)["']\]""", path):
        yield int(index) if index else (name or key)


def _shown(value: Any) -> str:
    if value is _ABSENT:
        return "nothing"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, str):
        value = value[: _LONGEST_FOUND + 1]
    elif isinstance(value, Mapping):
        return f"a map of {len(value)}"
    elif isinstance(value, list):
        return f"a list of {len(value)}"
    return _short(json.dumps(value, ensure_ascii=False, default=repr))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_FOUND else text[: _LONGEST_FOUND - 1] + "…"
