"""What a monitoring plugin prints, read."""

from __future__ import annotations

import pytest

from healthmgr.domain.perfdata import Perfdatum, parse_output, parse_perfdata


@pytest.mark.parametrize(
    ("text", "label", "value", "unit"),
    [
        ("time=0.25s", "time", 0.25, "s"),
        ("rta=12.5ms", "rta", 0.0125, "s"),
        ("rta=800us", "rta", 0.0008, "s"),
        ("rta=800µs", "rta", 0.0008, "s"),
        ("age=2m", "age", 120.0, "s"),
        ("age=1.5h", "age", 5400.0, "s"),
        ("age=2d", "age", 172_800.0, "s"),
        ("/=2643MB", "/", 2_643_000_000.0, "B"),
        ("/=1KiB", "/", 1024.0, "B"),
        ("size=12B", "size", 12.0, "B"),
        ("size=3kB", "size", 3000.0, "B"),
        ("rate=8b", "rate", 8.0, "b"),
        ("pl=0%", "pl", 0.0, "%"),
        ("hits=12345c", "hits", 12345.0, "c"),
        ("power=3.5W", "power", 3.5, "W"),
        ("load1=-.5", "load1", -0.5, ""),
        ("n=1.", "n", 1.0, ""),
        ("n=+1e3", "n", 1000.0, ""),
        ("'free space'=7", "free space", 7.0, ""),
        ("'it''s'=1", "it's", 1.0, ""),
        ("'a=b'=1", "a=b", 1.0, ""),
        ("'C:\\ used'=1GB", "C:\\ used", 1e9, "B"),
        ("größe=1", "größe", 1.0, ""),
    ],
)
def test_a_value_comes_in_base_units(text: str, label: str, value: float, unit: str) -> None:
    (item,), rejected = parse_perfdata(text)
    assert (item.label, item.value, item.unit) == (label, pytest.approx(value), unit)
    assert rejected == ()


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ("", ("", "", None, None)),
        (";", ("", "", None, None)),
        (";;;;", ("", "", None, None)),
        (";10;20;0;100", ("10", "20", 0.0, 0.1)),
        (";@10:20;~:5", ("@10:20", "~:5", None, None)),
        (";;;0", ("", "", 0.0, None)),
        (";10:;:20;x;1", ("10:", ":20", None, 0.001)),
        (";1;2;3;4;5;6", ("1", "2", 0.003, 0.004)),
    ],
)
def test_ranges_stay_text_and_ends_of_the_scale_are_numbers(bounds: str, expected: tuple[object, ...]) -> None:
    (item,), _ = parse_perfdata(f"t=5ms{bounds}")
    assert (item.warning, item.critical, item.minimum, item.maximum) == expected


@pytest.mark.parametrize(
    ("text", "labels", "rejected"),
    [
        ("a=1,5s b=2", ["b"], ["a=1,5s"]),
        ("a=1 b=2,0;3;4 c=3", ["a", "c"], ["b=2,0;3;4"]),
        ("a= b=2", ["b"], ["a="]),
        ("a=x b=2", ["b"], ["a=x"]),
        ("a=1.2.3 b=2", ["b"], ["a=1.2.3"]),
        ("a=--1 b=2", ["b"], ["a=--1"]),
        ("a b=2", ["b"], ["a"]),
        ("=1 b=2", ["b"], ["=1"]),
        ("'never closed=1 b=2", ["closed", "b"], ["'never"]),
        ("free space=7 b=2", ["space", "b"], ["free"]),
        ("''=1 b=2", ["b"], ["''=1"]),
        ("a=0x10 b=2", ["b"], ["a=0x10"]),
        ("a=nan b=inf c=2", ["c"], ["a=nan", "b=inf"]),
    ],
)
def test_an_item_that_cannot_be_read_is_rejected_alone(text: str, labels: list[str], rejected: list[str]) -> None:
    items, found = parse_perfdata(text)
    assert [item.label for item in items] == labels
    assert list(found) == rejected


def test_what_a_plugin_could_not_measure_is_left_out() -> None:
    assert parse_perfdata("a=U;1;2 b=1") == ((Perfdatum("b", 1.0),), ())


def test_the_whole_output_is_taken_apart() -> None:
    output = parse_output(
        "DISK OK - free space: / 3326 MB (56%); | /=2643MB;5948;5958;0;5968\n"
        "/ 15272 MB (77%);\n"
        "/boot 68 MB (69%);\n"
        "/home 69357 MB (27%); | /boot=68MB;88;93;0;98\n"
        "/home=69357MB;253404;253409;0;253414\n"
    )
    assert output.text == "DISK OK - free space: / 3326 MB (56%);"
    assert output.long_text.splitlines() == ["/ 15272 MB (77%);", "/boot 68 MB (69%);", "/home 69357 MB (27%);"]
    assert dict(output.metrics) == {"/": 2.643e9, "/boot": 6.8e7, "/home": 6.9357e10}
    assert output.perfdata[0].critical == "5958"


@pytest.mark.parametrize(
    ("printed", "text", "long_text"),
    [
        ("", "", ""),
        ("\r\n\r\nOK\r\n", "OK", ""),
        ("OK", "OK", ""),
        ("|a=1", "", ""),
        ("OK\nmore\nlines\n", "OK", "more\nlines"),
        ("OK | | a=1", "OK", ""),
    ],
)
def test_text_without_numbers_is_text(printed: str, text: str, long_text: str) -> None:
    output = parse_output(printed)
    assert (output.text, output.long_text) == (text, long_text)


def test_hostile_numbers_take_no_time() -> None:
    items, rejected = parse_perfdata("'" * 30_001 + " " + "9" * 30_000 + "," + " ok=1")
    assert items[-1].label == "ok"
    assert rejected
