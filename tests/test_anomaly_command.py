"""`python -m healthmgr.anomaly`: scores for a file, row by row."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from collections.abc import Iterator

import pytest

from healthmgr.anomaly import score_rows
from healthmgr.errors import DefinitionError


def rows(text: str) -> list[list[str]]:
    return list(score_rows(io.StringIO(text)))


def command(text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "healthmgr.anomaly"], input=text, capture_output=True, text=True, timeout=60, check=False
    )


def test_every_row_gets_a_score_and_keeps_its_other_columns() -> None:
    text = "timestamp,value,host\n" + "".join(f"2026-03-01 00:{i:02}:00,{i % 3},a\n" for i in range(60))
    done = command(text)
    assert (done.returncode, done.stderr) == (0, "")
    read = list(csv.DictReader(io.StringIO(done.stdout)))
    assert list(read[0]) == ["timestamp", "value", "host", "anomaly_score"]
    assert [row["value"] for row in read] == [str(i % 3) for i in range(60)]
    assert all(float(row["anomaly_score"]) >= 0 for row in read)


def test_a_spike_stands_out() -> None:
    text = "timestamp,value\n" + "".join(
        f"2026-03-{1 + i // 288:02} {i // 12 % 24:02}:{i % 12 * 5:02}:00,{500 if i == 900 else 10 + i % 7}\n"
        for i in range(1000)
    )
    scores = [float(row[-1]) for row in rows(text)[1:]]
    assert scores.index(max(scores)) == 900


@pytest.mark.parametrize("value", ["", "n/a", "nan", "inf"])
def test_a_value_that_is_no_number_scores_nothing(value: str) -> None:
    assert rows(f"timestamp,value\n2026-03-01 00:00:00,{value}\n")[1][-1] == "0"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "stdin:1: the header must name the columns timestamp and value"),
        ("time,value\n", "stdin:1: the header must name the columns timestamp and value"),
        ("timestamp,value\nyesterday,1\n", "stdin:2: timestamp: 'yesterday' is no time"),
        ("timestamp,value\n2026-03-01 00:00:00\n", "stdin:2: this row has 1 fields, and the header 2"),
    ],
)
def test_wrong_input_is_named_with_its_line(text: str, message: str) -> None:
    with pytest.raises(DefinitionError, match=message.replace(".", r"\.")):
        rows(text)


def test_the_command_says_what_is_wrong_in_one_line() -> None:
    done = command("timestamp,value\n2026-03-01 00:00:00,1\nnever,2\n")
    assert done.returncode == 2
    assert done.stderr.startswith("healthmgr.anomaly: stdin:3: timestamp: 'never' is no time")
    assert done.stderr.count("\n") == 1


def test_a_file_out_of_a_spreadsheet_is_read() -> None:
    done = command("\ufefftimestamp,value\r\n2026-03-01 00:00:00,1\r\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "timestamp,value,anomaly_score\n2026-03-01 00:00:00,1,0\n"


def test_a_file_that_is_no_text_is_refused_in_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "healthmgr.anomaly"],
        input=b"\xff\xfe\x00t",
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(b"healthmgr.anomaly: 'utf-8' codec")
    assert done.stderr.count(b"\n") == 1


def test_a_reader_that_has_had_enough_ends_it_quietly() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "healthmgr.anomaly"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        rows = "".join(f"2026-03-01 00:{i % 60:02}:00,{i}\n" for i in range(2000))
        running.stdin.write("timestamp,value\n" + rows)
        running.stdin.close()
        assert running.stderr.read() == ""
        assert running.wait(60) == 0


def test_rows_come_out_as_they_come_in() -> None:
    """Streaming: the first score is there before the second row was read."""
    read: list[str] = []

    def lines() -> Iterator[str]:
        for line in ("timestamp,value\n", "2026-03-01 00:00:00,1\n", "2026-03-01 00:05:00,2\n"):
            read.append(line)
            yield line

    scored = score_rows(lines())
    next(scored)
    next(scored)
    assert len(read) == 2
