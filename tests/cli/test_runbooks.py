"""`healthmgr runbooks` over real rows, as a person types it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Terminal, Trouble

BOOKS = """\
version: 1
channels: {chat: {kind: slack, config: {webhook_url: "https://hooks.slack.com/services/T/B/x"}}}
people: {ada: {contacts: {chat: ""}}}
routing: {default: {to: ada, via: chat}}
checks:
  shop:
    kind: tcp
    config: {host: 127.0.0.1, port: 1}
    severity: critical
    service: store
    labels: {host: web-1}
    recovery_procedure: restart-shop
runbooks:
  restart-shop:
    name: Restart the shop
    description: Lets it end its work first.
    parameters: {unit: shop}
    target: "{{ labels.host }}"
    limits: {attempts: 2, cool_down: 5m}
    steps:
      - notification: Restarting {{ parameters.unit }} on {{ labels.host }}
      - id: drain
        kind: api_call
        config: {url: https://shop.example.com/drain, auth: {token: "${SHOP_TOKEN}"}, facts: {sessions: json.sessions}}
        on_failure: rollback
        rollback: [{id: undrain, api_call: https://shop.example.com/enable}]
      - {wait: 10s, when: steps.drain.sessions > 0}
      - service_restart: "{{ parameters.unit }}"
      - {id: warm, api_call: "https://shop.example.com/warm/{{ steps.drain.sessions }}", when: severity == "low"}
  by-hand:
    automation: manual
    parameters: {unit: }
    steps: [{service_restart: "{{ parameters.unit }}"}]
"""


@pytest.fixture
def applied(terminal: Terminal, tmp_path: Path) -> Terminal:
    path = tmp_path / "books.yaml"
    path.write_text(BOOKS, encoding="utf-8")
    terminal.set(SHOP_TOKEN="hunter2")
    said = terminal("apply", str(path))
    assert said.code == 0, said.err
    return terminal


def test_runbooks_are_listed_with_what_starts_them(applied: Terminal) -> None:
    lines = [line.split() for line in applied("runbooks", "list").out.splitlines()]
    assert lines[1:] == [
        ["by-hand", "manual", "people", "start", "it", "-", "1", "books.yaml"],
        ["restart-shop", "semi", "automated", "hard", "shop", "5", "books.yaml"],
    ]
    item = applied("runbooks", "list", "--json").json["items"][1]
    assert (item["name"], item["automation"], item["checks"]) == ("restart-shop", "semi_automated", ["shop"])
    assert item["steps"] == ["notification", "api_call", "wait", "service_restart", "api_call"]


def test_a_runbook_is_shown_in_the_words_of_its_file(applied: Terminal) -> None:
    said = applied("runbooks", "show", "restart-shop").out
    for words in (
        "Restart the shop",
        "Lets it end its work first.",
        "attempts: 2",
        "cool_down: 5m",
        "undone by undrain",
    ):
        assert words in said
    assert "hunter2" not in said
    shown = applied("runbooks", "show", "restart-shop", "--json").json
    assert shown["definition"]["limits"]["cool_down"] == "5m"
    assert [step["id"] for step in shown["definition"]["steps"]][:2] == ["notification", "drain"]
    assert shown["definition"]["steps"][1]["config"]["auth"] == {"token": "${SHOP_TOKEN}"}


def test_a_dry_run_says_what_every_step_would_do_and_reveals_no_secret(applied: Terminal) -> None:
    said = applied("runbooks", "dry-run", "restart-shop", "--check", "shop", "-p", "unit=shop-2", "--json")
    assert "hunter2" not in said.out
    found = said.json
    assert (found["target"], found["severity"], found["parameters"]) == ("web-1", "critical", {"unit": "shop-2"})
    assert found["approval"] == {"needed": 1, "approvers": [], "expires_after": "PT30M"}
    steps = {step["id"]: (step["does"], step["is_taken"]) for step in found["steps"]}
    assert steps == {
        "notification": ("tell over the incident's channels: Restarting shop-2 on web-1", True),
        "drain": ("call POST https://shop.example.com/drain", True),
        "wait": ("wait for 10s", None),
        "service-restart": ("restart shop-2 by systemd and wait until it runs", True),
        "warm": ("call POST https://shop.example.com/warm/{{ steps.drain.sessions }}", False),
    }
    (undoing,) = found["steps"][1]["rollback"]
    assert undoing["does"] == "call POST https://shop.example.com/enable"


def test_a_dry_run_asks_the_rails(applied: Terminal) -> None:
    found = applied("runbooks", "dry-run", "restart-shop", "--check", "shop", "--json").json
    assert found["may_start"] is False  # it was never probed: nobody knows that it is down
    assert found["reason"]
    assert found["words"] in applied("runbooks", "dry-run", "restart-shop", "--check", "shop").out.replace("\n", " ")


def test_a_dry_run_touches_nothing(applied: Terminal, trouble: Trouble) -> None:
    before = applied("incidents", "list", "--json").json
    said = applied("runbooks", "dry-run", "restart-shop", "--check", "shop")
    assert said.out.endswith("Nothing was touched.\n")
    assert applied("incidents", "list", "--json").json == before


def test_a_dry_run_names_what_has_to_be_given(applied: Terminal) -> None:
    found = applied("runbooks", "dry-run", "by-hand", "--check", "shop", "--json").json
    assert (found["missing_parameters"], found["may_start"]) == (["unit"], False)
    assert "no: unit has to be given" in applied("runbooks", "dry-run", "by-hand", "--check", "shop").out
    assert "say for which check" in applied("runbooks", "dry-run", "by-hand", "-p", "unit=shop").out


def test_a_step_that_would_fail_says_why(applied: Terminal) -> None:
    applied.set(SHOP_TOKEN="")
    steps = applied("runbooks", "dry-run", "restart-shop", "--json").json["steps"]
    assert steps[0]["fault"] == "message: needs 'labels.host', which this run does not have: labels has nothing"
    assert steps[1]["fault"] == "needs SHOP_TOKEN (or SHOP_TOKEN_FILE), which this environment does not set"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("show", "restart-shap"), "There is no runbook 'restart-shap': did you mean 'restart-shop'?"),
        (("dry-run", "nothing"), "There is no runbook 'nothing'"),
        (("dry-run", "restart-shop", "--check", "shap"), "There is no check 'shap'"),
        (("dry-run", "restart-shop", "-p", "unit"), "expected NAME=VALUE, found 'unit'"),
        (("dry-run", "restart-shop", "-p", "size=1"), "takes no parameter 'size': it takes unit"),
        (("dry-run", "restart-shop", "-l", "severity=grave"), "There is no severity 'grave'"),
    ],
)
def test_what_cannot_be_is_said(applied: Terminal, words: tuple[str, ...], complaint: str) -> None:
    said = applied("runbooks", *words)
    assert said.code != 0
    assert complaint in " ".join(said.err.split())


def test_without_a_runbook_it_says_how_one_is_made(terminal: Terminal) -> None:
    assert "write one under `runbooks:`" in terminal("runbooks", "list").out


def test_what_a_file_no_longer_defines_is_no_runbook_any_more(applied: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "books.yaml"
    path.write_text(BOOKS.split("  by-hand:")[0], encoding="utf-8")
    assert "- runbooks.by-hand" in applied("diff", str(path)).out
    applied("apply", str(path))
    assert [item["name"] for item in applied("runbooks", "list", "--json").json["items"]] == ["restart-shop"]
    assert applied("apply", str(path), "--json").json["counts"]["unchanged"] == 5
