"""Matchers: what they mean, every way to write them, and what is refused."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthmgr.domain.matcher import Matcher, Operator, from_wire, match_all, parse_matcher, parse_matchers

EQUAL, NOT_EQUAL, REGEX, NOT_REGEX = Operator.EQUAL, Operator.NOT_EQUAL, Operator.REGEX, Operator.NOT_REGEX


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # one, with and without braces, quotes and spaces
        ("{foo=bar}", ("foo", EQUAL, "bar")),
        ("{foo=bar,}", ("foo", EQUAL, "bar")),
        ("foo=bar", ("foo", EQUAL, "bar")),
        ("foo=bar,", ("foo", EQUAL, "bar")),
        ("  foo  =  bar  ", ("foo", EQUAL, "bar")),
        ('{ foo = "bar" , }', ("foo", EQUAL, "bar")),
        ("{foo!=bar}", ("foo", NOT_EQUAL, "bar")),
        ("foo !~ [a-z]+", ("foo", NOT_REGEX, "[a-z]+")),
        ("{foo=~[a-z]+}", ("foo", REGEX, "[a-z]+")),
        ("{foo=~a{2}}", ("foo", REGEX, "a{2}")),
        ('foo=~"a{2}"', ("foo", REGEX, "a{2}")),
        ('{"foo"="bar"}', ("foo", EQUAL, "bar")),
        ('"foo"!~"[a-z]+",', ("foo", NOT_REGEX, "[a-z]+")),
        ("job:name=x", ("job:name", EQUAL, "x")),
        # empty values
        ('foo!=""', ("foo", NOT_EQUAL, "")),
        ('{foo=""}', ("foo", EQUAL, "")),
        # what only looks special
        ("tricky=~~~", ("tricky", REGEX, "~~")),
        ("foo==bar", ("foo", EQUAL, "=bar")),
        ("foo=!bar", ("foo", EQUAL, "!bar")),
        ('foo="bar,quux"', ("foo", EQUAL, "bar,quux")),
        ('foo="{}"', ("foo", EQUAL, "{}")),
        ("foo=one two", ("foo", EQUAL, "one two")),
        ("foo=it's", ("foo", EQUAL, "it's")),
        ('foo="  kept  "', ("foo", EQUAL, "  kept  ")),
        ('foo="two\nlines"', ("foo", EQUAL, "two\nlines")),
        # escapes of the classic way: three of them, and a backslash before anything else stays
        (r'foo="\"bar\""', ("foo", EQUAL, '"bar"')),
        (r'foo="bar\n"', ("foo", EQUAL, "bar\n")),
        (r'foo="bar\\"', ("foo", EQUAL, "bar\\")),
        (r'foo="bar\\n"', ("foo", EQUAL, r"bar\n")),
        (r"foo=bar\n", ("foo", EQUAL, "bar\n")),
        (r'foo="bar\t"', ("foo", EQUAL, r"bar\t")),
        (r'foo=~"\d+\.\w"', ("foo", REGEX, r"\d+\.\w")),
        (r'foo=~"\bbar\b"', ("foo", REGEX, r"\bbar\b")),
        (r"foo=~\d+", ("foo", REGEX, r"\d+")),
        (r"trickier==\\=\=\"", ("trickier", EQUAL, r'=\=\="')),
        ("foo=bar\\", ("foo", EQUAL, "bar\\")),
        (r'foo="\xf0\x9f"', ("foo", EQUAL, r"\xf0\x9f")),
        (
            r'{quote="She said: \"Hi, ladies! That\'s gender-neutral…\""}',
            ("quote", EQUAL, r'She said: "Hi, ladies! That\'s gender-neutral…"'),
        ),
        # UTF-8: any name in quotes, plain ones without, and Go's escapes
        ("foo=🙂bar", ("foo", EQUAL, "🙂bar")),
        ("ärger=ja", ("ärger", EQUAL, "ja")),
        ('invalid-name = "valid label"', ("invalid-name", EQUAL, "valid label")),
        ("k8s.io/app=x", ("k8s.io/app", EQUAL, "x")),
        ('"with space"=~".*"', ("with space", REGEX, ".*")),
        (r'"a\"b"="c"', ('a"b', EQUAL, "c")),
        (r'"foo"="\xf0\x9f\x99\x82"', ("foo", EQUAL, "🙂")),
        (r'"foo"="\U0001f642\u00e4\101\t"', ("foo", EQUAL, "🙂äA\t")),
        (r'"foo"="bar\n\\\""', ("foo", EQUAL, 'bar\n\\"')),
    ],
)
def test_one_matcher_is_read(text, expected):
    assert parse_matcher(text) == Matcher(*expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("  ", []),
        ("{}", []),
        ("{ }", []),
        ("{foo=bar,bar!=baz}", [("foo", EQUAL, "bar"), ("bar", NOT_EQUAL, "baz")]),
        ('foo="bar",bar!="baz"', [("foo", EQUAL, "bar"), ("bar", NOT_EQUAL, "baz")]),
        (
            '{foo="bar",baz!~".*quux", derp="wat"}',
            [("foo", EQUAL, "bar"), ("baz", NOT_REGEX, ".*quux"), ("derp", EQUAL, "wat")],
        ),
        (
            r'contains_quote != "\"" , contains_comma !~ "foo,bar" , ',
            [("contains_quote", NOT_EQUAL, '"'), ("contains_comma", NOT_REGEX, "foo,bar")],
        ),
        ("foo=a,foo=a", [("foo", EQUAL, "a"), ("foo", EQUAL, "a")]),
        ("foo=a b,bar=c", [("foo", EQUAL, "a b"), ("bar", EQUAL, "c")]),
        ('{"a.b"=c,d=~"e|f"}', [("a.b", EQUAL, "c"), ("d", REGEX, "e|f")]),
    ],
)
def test_several_matchers_are_read_in_their_order(text, expected):
    assert parse_matchers(text) == tuple(Matcher(*one) for one in expected)


@pytest.mark.parametrize(
    ("text", "place", "hint"),
    [
        (",", 1, "label name"),
        ("{,}", 2, "label name"),
        ("foo=bar,,", 9, "label name"),
        ("{", 2, "end with }"),
        ("{foo=bar", 9, "end with }"),
        ("}", 1, "begin with {"),
        ("foo=bar}", 8, "begin with {"),
        ("foo=~a{2}", 9, "double quotes"),
        ("{{foo=bar}}", 2, "label name"),
        ("foo", 4, "= != =~ !~"),
        ("foo bar", 4, "= != =~ !~"),
        ("foo!bar", 4, "= != =~ !~"),
        ("=bar", 1, "label name"),
        ("job=", 5, '""'),
        ("job=,x=y", 5, '""'),
        ('job="value', 5, "partner"),
        ('job=value"', 10, "partner"),
        ('foo=b"a"r', 6, "partner"),
        (r'trickier==\\=\=\""', 18, "partner"),
        ('{foo=:"bar"}', 7, "partner"),
        ('foo="bar"baz', 10, "comma"),
        ('foo="a" bar="b"', 9, "comma"),
        ("foo='bar'", 5, '"bar"'),
        ('"foo', 1, "label name"),
        ('"foo=\\"bar\\""', 14, "= != =~ !~"),
        ('"foo="bar""', 7, "= != =~ !~"),
        ('""=x', 1, "needs the name"),
        (r'"foo"="bar\w"', 11, "no escape"),
        (r'"foo"=bar\n', 7, "double quotes"),
        ('"foo"=one two', 7, "double quotes"),
        (r'"foo"="\xf0\x9f"', 7, "UTF-8"),
        (r'"foo"="\ud800"', 7, "UTF-8"),
        (r'"foo"="\U00110000"', 7, "UTF-8"),
        (r'"foo"="\x00"', 1, "NUL"),
        ("foo=a\udce4", 1, "UTF-8"),
        ('x=y,foo=~"invalid[regexp"', 5, "missing ]"),
        ('foo=~"(?=ahead)"', 1, "regular expression"),
        (r'foo=~"(a)\1"', 1, "regular expression"),
        ('foo=~"a)(b"', 1, "regular expression"),
        ('foo=~"(((a{100}){100}){100}"', 1, "regular expression"),
    ],
)
def test_an_error_says_where_it_is_and_what_to_write(text, place, hint):
    with pytest.raises(ValueError, match=f"character {place}:") as caught:
        parse_matchers(text)
    assert hint in str(caught.value)


@pytest.mark.parametrize(("text", "count"), [("", 0), ("{}", 0), ("a=b,c=d", 2)])
def test_one_matcher_is_one_matcher(text, count):
    with pytest.raises(ValueError, match=f"holds {count} matchers"):
        parse_matcher(text)


@pytest.mark.parametrize(
    ("text", "matching", "failing"),
    [
        ("foo=bar", [{"foo": "bar"}], [{"foo": "barn"}, {"foo": ""}, {}, {"fo": "bar"}]),
        ("foo!=bar", [{"foo": "barn"}, {"foo": ""}, {}], [{"foo": "bar"}]),
        ("foo=~bar", [{"foo": "bar"}], [{"foo": "abar"}, {"foo": "bara"}, {"foo": "bar\n"}, {}]),
        ("foo=~a|ab|c", [{"foo": "ab"}, {"foo": "c"}], [{"foo": "abc"}, {}]),
        ("foo=~b.*", [{"foo": "bär"}, {"foo": "b🙂"}], [{"foo": "ab"}]),
        ("foo=~b.r", [{"foo": "bär"}, {"foo": "b🙂r"}], [{"foo": "b\nr"}]),
        ("foo!~b.*", [{"foo": "ab"}, {}], [{"foo": "b"}]),
        ('foo=""', [{}, {"foo": ""}], [{"foo": "x"}]),
        ('foo!=""', [{"foo": "x"}], [{}, {"foo": ""}]),
        ('foo=~".*"', [{}, {"foo": "x"}], []),
        ("foo=~.+", [{"foo": "x"}], [{}, {"foo": ""}]),
        ('foo=~"(?i)BAR"', [{"foo": "Bar"}], []),
        ("foo=~.*", [{"foo": "\ud800"}], []),
    ],
)
def test_a_matcher_looks_at_the_whole_label_and_takes_a_missing_one_for_empty(text, matching, failing):
    matcher = parse_matcher(text)
    assert [labels for labels in matching if not matcher.matches(labels)] == []
    assert [labels for labels in failing if matcher.matches(labels)] == []
    assert matcher.matches_empty() is matcher.matches({})


def test_all_matchers_have_to_match():
    matchers = parse_matchers("service=api,severity=~critical|high")
    assert match_all(matchers, {"service": "api", "severity": "high", "other": "x"})
    assert not match_all(matchers, {"service": "api", "severity": "low"})
    assert match_all((), {})


def test_a_hostile_expression_takes_linear_time():
    matcher = Matcher("foo", REGEX, "(a*)*(a|aa)+(.*)*b")
    started = time.process_time()
    assert not matcher.matches({"foo": "a" * 100_000})
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    "text",
    [
        'a="' + "\\" * 100_001,
        "a=" + '\\"' * 50_000 + '"',
        "{" * 100_000,
        '"' + "\\x" * 50_000,
        'a=~"' + "[" * 9_000 + '"',
    ],
)
def test_a_hostile_text_is_refused_briefly_and_in_linear_time(text):
    started = time.process_time()
    with pytest.raises(ValueError, match="character") as caught:
        parse_matchers(text)
    assert time.process_time() - started < 2
    assert len(str(caught.value)) < 500


def test_a_long_list_of_names_is_an_expression_and_a_book_is_not():
    names = [f"web-{number}.example.com" for number in range(700)]
    assert Matcher("host", REGEX, "|".join(names)).matches({"host": names[-1]})
    with pytest.raises(ValueError, match="characters"):
        Matcher("host", REGEX, "a" * 20_000)
    with pytest.raises(ValueError, match="too large"):
        Matcher("host", REGEX, r"[\pL\pN]{900}" * 9)


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
plain_matchers = st.builds(Matcher, texts.filter(bool), st.sampled_from([EQUAL, NOT_EQUAL]), texts)
expressions = st.sampled_from(["", ".*", r"\d+", r'a"b', "a,b", r"\\", "a\nb", "x{2}", "{a", "é|🙂", " b "])
regex_matchers = st.builds(Matcher, texts.filter(bool), st.sampled_from([REGEX, NOT_REGEX]), expressions)
matchers = plain_matchers | regex_matchers


@given(matchers)
def test_a_matcher_survives_being_written_and_read(matcher):
    assert parse_matcher(str(matcher)) == matcher
    assert parse_matcher(f"{{ {matcher} , }}") == matcher


@given(st.lists(matchers, max_size=4))
def test_a_list_of_matchers_survives_being_written_and_read(several):
    assert list(parse_matchers("{" + ", ".join(map(str, several)) + "}")) == several


@given(matchers)
def test_a_matcher_survives_being_stored_and_being_sent(matcher):
    assert Matcher.from_document(matcher.to_document()) == matcher
    wire = matcher.to_wire()
    assert from_wire(wire["name"], wire["value"], wire["isRegex"], wire["isEqual"]) == matcher


@given(st.text())
def test_any_text_is_read_or_refused_with_a_value_error(text):
    try:
        parsed = parse_matchers(text)
    except ValueError:
        return
    assert parse_matchers(",".join(map(str, parsed))) == parsed


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"operator": "=", "value": "x"}, "name"),
        ({"name": "a", "value": "x"}, "operator"),
        ({"name": "a", "operator": "==", "value": "x"}, "operator"),
        ({"name": "a", "operator": "=", "value": 3}, "value"),
        ({"name": "", "operator": "=", "value": "x"}, "name"),
        ({"name": "a", "operator": "=~", "value": "["}, "regular expression"),
    ],
)
def test_a_stored_matcher_that_is_broken_names_its_field(document, field):
    with pytest.raises(ValueError, match=field):
        Matcher.from_document(document)


def test_the_wire_form_is_alertmanagers():
    assert from_wire("a", "b", False) == Matcher("a", EQUAL, "b")
    assert from_wire("a", "b", True, False).to_wire() == {"name": "a", "value": "b", "isRegex": True, "isEqual": False}


def test_the_text_form_quotes_what_needs_quotes():
    assert str(Matcher("service", REGEX, 'a"b')) == r'service=~"a\"b"'
    assert str(Matcher("my label", NOT_EQUAL, "x\ny")) == r'"my label"!="x\ny"'
