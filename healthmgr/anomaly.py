"""`python -m healthmgr.anomaly < series.csv > scores.csv`: how surprising each row of a file is.

Reads columns `timestamp` and `value`, writes them with a third, `anomaly_score`: one row for each row, as they come,
in constant memory. A value that is empty or no number scores 0.
"""

from __future__ import annotations

import csv
import math
import os
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from healthmgr.domain.anomaly import SeriesDetector
from healthmgr.errors import DefinitionError, Problem

_TIMESTAMP, _VALUE, _SCORE = "timestamp", "value", "anomaly_score"


def score_rows(source: Iterable[str], name: str = "stdin") -> Iterator[list[str]]:
    """The rows with their scores, the header first. Raises DefinitionError, naming the line."""
    rows = csv.reader(source)
    header = next(rows, None)
    if header is None or _TIMESTAMP not in header or _VALUE not in header:
        raise _wrong(f"the header must name the columns {_TIMESTAMP} and {_VALUE}", name, 1)
    when, what = header.index(_TIMESTAMP), header.index(_VALUE)
    yield [*header, _SCORE]
    detector = SeriesDetector()
    for row in rows:
        if not row:
            continue
        if len(row) <= max(when, what):
            raise _wrong(f"this row has {len(row)} fields, and the header {len(header)}", name, rows.line_num)
        try:
            at = datetime.fromisoformat(row[when].strip())
        except ValueError:
            message = f"{row[when]!r} is no time: write it as 2026-01-31 12:00:00"
            raise _wrong(message, name, rows.line_num, _TIMESTAMP) from None
        judgement = detector.update(at if at.tzinfo else at.replace(tzinfo=UTC), _number(row[what]))
        yield [*row, f"{judgement.score:.6g}"]


def _wrong(message: str, name: str, line: int, column: str = "") -> DefinitionError:
    return DefinitionError([Problem(message, column, line, name)])


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def main() -> int:
    """The command: 0, or 2 with one line about what was wrong with the input."""
    try:
        # A mark at the beginning, as spreadsheets write it, is no part of the first name.
        with open(sys.stdin.fileno(), encoding="utf-8-sig", newline="", closefd=False) as source:
            out = csv.writer(sys.stdout, lineterminator="\n")
            out.writerows(score_rows(source))
        sys.stdout.flush()
    except (DefinitionError, csv.Error, UnicodeDecodeError) as error:
        sys.stderr.write(f"healthmgr.anomaly: {error}\n")
        return 2
    except BrokenPipeError:  # whoever read has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
