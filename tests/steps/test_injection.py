"""Whatever a label or a parameter holds reaches a target as data: the whole way from a placeholder to the target."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import psycopg2
import pytest
import redis
from pydantic import ValidationError

from healthmgr.channels.rendering import render
from healthmgr.channels.slack_blocks import payload
from healthmgr.domain.message import MessageKind
from healthmgr.domain.placeholder import MOST_BYTES, fill, refuse_placeholders
from healthmgr.domain.step import StepOutcome
from healthmgr.errors import StepError
from healthmgr.secrets import resolve
from healthmgr.testing import HttpTarget, make_message, run_step, step_context

HOSTILE = {
    "quotes": """it's "quoted" `so`""",
    "sql": "'; DROP TABLE seen; --",
    "backslashes": "\\'; \\x00 \\",
    "dollar quotes": "$$; $1 $x$",
    "newlines": "first\nsecond\r\nX-Injected: yes",
    "shell": "$(touch /tmp/x) `reboot` ; reboot | cat && x > /dev/null & *",
    "option": "--force",
    "template": "{{ labels.other }} {% raw %} {{ 7 * 7 }}",
    "secret": "${SHOP_SECRET} $HOME ${SHOP_SECRET:-x}",
    "percent": "%s %(host)s %% %d %2F%00",
    "markup": "<script>alert(1)</script><!channel> *b* &amp; <http://evil.example|here>",
    "json": '"}, "admin": true, {"',
    "redis": "x\r\nFLUSHALL\r\n",
    "path": "../../etc/passwd?x=1#y",
    "turned around": "abc\u202egpj.exe\u2066",
    "control": "\x1b[31m\x07\x7f",
    "letters": "äöü 日本 \U0001f525",
    "empty": "",
    "long": "x" * MOST_BYTES,
}

NAMES = {f"h{number}": value for number, value in enumerate(HOSTILE.values())}

Fill = Callable[..., StepOutcome]


@pytest.fixture(params=sorted(HOSTILE))
def value(request: pytest.FixtureRequest) -> str:
    return HOSTILE[request.param]


@pytest.fixture
def carry_out_labels(registry) -> Fill:
    """As the engine does, from the definition's settings to the outcome."""

    def go(kind: str, config: Mapping[str, Any], labels: Mapping[str, str]) -> StepOutcome:
        step = registry.step_type(kind)
        assert refuse_placeholders(config, step.fixed_fields, step.url_fields) == []
        filled = fill(
            config,
            {"labels": labels},
            url_fields=step.url_fields,
            literal=lambda text: str(resolve(text, {"SHOP_SECRET": "s3cret-word"})),
        )
        return run_step(step, filled, step_context(timeout=timedelta(seconds=20)))

    return go


@pytest.fixture
def carry_out(carry_out_labels) -> Fill:
    """carry_out("command", config, value) with the value as the label `host`."""
    return lambda kind, config, value: carry_out_labels(kind, config, {"host": value})


@pytest.fixture
def carry_out_all(carry_out_labels) -> Fill:
    """carry_out_all("sql", config) with all hostile values at once, as the labels of NAMES."""
    return lambda kind, config: carry_out_labels(kind, config, NAMES)


def test_to_a_program_it_is_one_argument(carry_out, script, tmp_path, value):
    record = tmp_path / "argv"
    program = script(f"import json, sys\nopen({str(record)!r}, 'w').write(json.dumps(sys.argv[1:]))")
    carry_out("command", {"command": [program, "restart", "{{ labels.host }}", "host={{ labels.host }}"]}, value)
    assert json.loads(record.read_text()) == ["restart", value, f"host={value}"]


def test_to_a_program_s_environment_it_is_one_variable(carry_out, script, tmp_path, value):
    record = tmp_path / "environment"
    program = script(f"import json, os\nopen({str(record)!r}, 'w').write(json.dumps(os.environ['SHOP_HOST']))")
    carry_out("command", {"command": [program], "environment": {"SHOP_HOST": "{{ labels.host }}"}}, value)
    assert json.loads(record.read_text()) == value


@pytest.fixture
def seen(database_url: str) -> Iterator[psycopg2.extensions.connection]:
    connection = psycopg2.connect(database_url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS seen")
        cursor.execute("CREATE TABLE seen (host text)")
    yield connection
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE seen")
    connection.close()


def test_to_sql_each_is_one_value(carry_out_all, seen, database_url):
    rows = ", ".join(f"(%({name})s)" for name in NAMES)
    values = {name: f"{{{{ labels.{name} }}}}" for name in NAMES}
    carry_out_all("sql", {"url": database_url, "statement": f"INSERT INTO seen VALUES {rows}", "values": values})
    with seen.cursor() as cursor:
        cursor.execute("SELECT host FROM seen")
        assert [host for (host,) in cursor] == list(NAMES.values())


def test_a_statement_takes_no_placeholder(registry):
    step = registry.step_type("sql")
    config = {"url": "postgresql://x/y", "statement": "DELETE FROM seen WHERE host = '{{ labels.host }}'"}
    assert [place for place, _ in refuse_placeholders(config, step.fixed_fields)] == [("statement",)]


def test_to_redis_each_is_one_word(carry_out_all, redis_url):
    words = [word for name in NAMES for word in (f"host:{{{{ labels.{name} }}}}", f"{{{{ labels.{name} }}}}")]
    carry_out_all("redis", {"url": redis_url, "command": ["HSET", "hosts", *words]})
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        assert client.hgetall("hosts") == {f"host:{value}": value for value in NAMES.values()}
        assert client.keys() == ["hosts"]


def test_to_an_api_it_is_one_part_of_the_path_and_one_text_of_the_body(carry_out, target, value):
    config = {
        "url": f"{target.url}hosts/{{{{ labels.host }}}}/restart?host={{{{ labels.host }}}}",
        "parameters": {"host": "{{ labels.host }}", "list": ["<{{ labels.host }}>"]},
    }
    carry_out("api_call", config, value)
    (seen,) = target.seen
    path, _, query = seen.path.partition("?")
    assert [unquote(part) for part in path.split("/")] == ["", "hosts", value, "restart"]
    assert unquote(query) == f"host={value}"
    assert json.loads(seen.body) == {"host": value, "list": [f"<{value}>"]}
    assert "x-injected" not in seen.headers


def test_to_an_api_it_is_one_header_or_refused(carry_out, target: HttpTarget, value):
    config = {"url": target.url, "headers": {"X-Host": "{{ labels.host }}"}}
    if re.search(r"[^\t\x20-\x7e\xa0-\xff]", value):
        with pytest.raises(ValidationError, match="no line breaks, Latin letters only"):
            carry_out("api_call", config, value)
        assert target.seen == []
        return
    carry_out("api_call", config, value)
    (seen,) = target.seen
    assert seen.headers["x-host"].encode("latin-1").strip() == value.encode("latin-1").strip()
    assert "x-injected" not in seen.headers


def test_to_a_function_each_is_one_argument(carry_out_all, tmp_path, monkeypatch):
    (tmp_path / "shop_echo.py").write_text("def echo(**hosts):\n    return hosts\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("HEALTHMGR_MODULES", "shop_echo")
    arguments = {name: f"{{{{ labels.{name} }}}}" for name in NAMES}
    assert carry_out_all("python", {"function": "shop_echo:echo", "arguments": arguments}).facts == NAMES


HAPROXY = {"action": "drain", "service": "shop", "driver": "haproxy", "socket": "/no/such/socket"}


@pytest.mark.parametrize("kind", ["service_restart", "load_balancer", "haproxy"])
def test_as_a_name_it_is_refused_unless_it_is_one(carry_out, kind, value):
    config = {
        "service_restart": {"service": "{{ labels.host }}", "driver": "docker", "url": "unix:///no/such/socket"},
        "load_balancer": {"action": "drain", "service": "shop", "instance": "{{ labels.host }}"},
        "haproxy": {**HAPROXY, "instance": "{{ labels.host }}"},
    }[kind]
    if kind == "load_balancer" and value.isprintable() and 0 < len(value) <= 200:
        assert carry_out(kind, config, value).instance == value  # healthmgr's own table takes any text in one line
        return
    with pytest.raises((ValidationError, StepError)) as caught:
        carry_out("load_balancer" if kind == "haproxy" else kind, config, value)
    assert isinstance(caught.value, ValidationError) or value == HOSTILE["option"]


@pytest.mark.parametrize("value", ["a\0b", "x" * 1_000_000, "\ud800"])
@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("command", {"command": ["/bin/true", "{{ labels.host }}"]}),
        ("api_call", {"url": "http://127.0.0.1:1/{{ labels.host }}"}),
        ("redis", {"url": "redis://127.0.0.1:1/0", "command": ["DEL", "{{ labels.host }}"]}),
        ("notification", {"message": "{{ labels.host }}"}),
    ],
)
def test_what_no_target_should_be_given_is_refused_before_it_is_asked(carry_out, kind, config, value):
    with pytest.raises(StepError, match=r"labels\.host") as caught:
        carry_out(kind, config, value)
    assert caught.value.permanent


@pytest.mark.parametrize("value", [HOSTILE["markup"], HOSTILE["template"], HOSTILE["turned around"]])
def test_to_people_it_is_text(carry_out, value):
    told = carry_out("notification", {"message": "Restarting {{ labels.host }}"}, value)
    message = make_message(MessageKind.UPDATE, words=told.message)
    mail, slack = render(message, kind="email"), json.dumps(payload(message), ensure_ascii=False)
    assert "Restarting" in mail.text
    assert "Restarting" in slack
    assert "<script>" not in mail.html + slack
    assert "<!channel>" not in slack
    assert "7 * 7" in mail.text or "7 * 7" not in value
    assert "\u202e" not in mail.html + mail.text + mail.subject + slack
