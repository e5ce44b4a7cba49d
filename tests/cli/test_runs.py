"""`healthmgr runs`, `approvals` and `recovery` over real rows, as people type them; no worker runs here."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from tests.cli.conftest import Terminal

BOOKS = """\
version: 1
channels: {chat: {kind: slack, config: {webhook_url: "https://hooks.slack.com/services/T/B/x"}}}
people: {ada: {contacts: {chat: ""}}, ben: {contacts: {chat: ""}}}
teams: {web: [ada, ben]}
routing: {default: {to: ada, via: chat}}
checks:
  shop: {kind: tcp, config: {host: 127.0.0.1, port: 1}, severity: critical, service: store}
  blog: {kind: tcp, config: {host: 127.0.0.1, port: 1}, severity: low}
runbooks:
  restart:
    automation: manual
    team: web
    approval: {by: ["team:web"]}
    parameters: {unit: }
    steps: [{service_restart: "{{ parameters.unit }}"}]
"""
START = ("runbooks", "run", "restart", "-p", "unit=shop", "--yes")


@pytest.fixture
def down(terminal: Terminal, tmp_path: Path, engine: Engine) -> Terminal:
    """Two checks are down, one of them critical, and a runbook that people start."""
    path = tmp_path / "books.yaml"
    path.write_text(BOOKS, encoding="utf-8")
    said = terminal("apply", str(path))
    assert said.code == 0, said.err
    with engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE check_states SET status = 'unhealthy', hard_status = 'unhealthy', last_result_at = now(), "
                "since_at = now() - interval '1 minute'"
            )
        )
    return terminal


def test_a_run_that_a_person_starts_is_listed_and_shown(down: Terminal) -> None:
    started = down(*START, "--check", "blog", "--as", "ada")
    assert started.code == 0, started.err
    assert started.out.splitlines()[0] == "Run #1 is running"
    (item,) = down("runs", "list", "--json").json["items"]
    assert (item["runbook"], item["check"], item["started_by"]) == ("restart", "blog", "ada")
    assert down("runs", "list").out.splitlines()[1].split()[:4] == ["#1", "restart", "blog", "running"]
    assert down("runs", "list", "--state", "failed").out == "There are no such runs.\n"
    assert down("runs", "list", "--check", "blog", "--runbook", "restart", "--json").json["items"] == [item]
    card = down("runs", "show", "1").out
    for words in ("#1 of restart", "unit=shop", "started by", "ada", "What happened", "healthmgr runs cancel 1"):
        assert words in card
    assert down("runs", "show", "#1", "--json").json["run"] == item
    assert down("runs", "show", item["id"], "--json").json["run"] == item


def test_for_a_critical_problem_somebody_else_agrees(down: Terminal) -> None:
    started = down(*START, "--check", "shop", "--as", "ada")
    assert started.out.splitlines()[0] == (
        "Run #1 is awaiting approval: somebody has to agree (healthmgr approvals approve 1)"
    )
    (asked,) = down("approvals", "list", "--json").json["items"]
    assert (asked["number"], asked["state"], asked["approvers"]) == (1, "open", ["team:web"])
    assert "0 of 1 agreed" in down("approvals", "list").out
    own = down("approvals", "approve", "1", "--as", "ada")
    assert (own.code, "somebody else has to approve it" in own.err) == (1, True)
    stranger = down("approvals", "approve", "1", "--as", "eve")
    assert (stranger.code, "not among those who may" in stranger.err) == (1, True)
    agreed = down("approvals", "approve", "#1", "--as", "ben", "-m", "go on")
    assert agreed.out == "Approved, it goes on: run #1 of restart on shop\n"
    assert down("approvals", "list").out == "Nothing waits for an answer.\n"
    (decided,) = down("approvals", "list", "--all", "--json").json["items"]
    assert (decided["state"], decided["votes"][0]["person"], decided["votes"][0]["comment"]) == (
        "granted",
        "ben",
        "go on",
    )
    assert "yes" in down("runs", "show", "1").out
    again = down("approvals", "deny", "1", "--as", "ada")
    assert (again.code, "decided already" in again.err) == (1, True)


def test_a_denial_ends_the_run(down: Terminal) -> None:
    down(*START, "--check", "shop", "--as", "ada")
    said = down("approvals", "deny", "1", "--as", "ben", "-m", "not at noon", "--json")
    assert (said.code, said.json["state"]) == (0, "denied")
    (item,) = down("runs", "list", "--json").json["items"]
    assert (item["state"], item["words"]) == ("failed", "ben denied it: not at noon")


def test_a_run_is_cancelled_once(down: Terminal) -> None:
    down(*START, "--check", "blog", "--as", "ada")
    assert down("runs", "cancel", "1", "--as", "ben").out == "Run #1 is cancelled.\n"
    shown = down("runs", "show", "1", "--json").json["run"]
    assert (shown["state"], shown["cancelled_by"]) == ("cancelled", "ben")
    again = down("runs", "cancel", "1")
    assert (again.code, "Run 1 is over: it is cancelled." in again.err) == (1, True)


def test_one_target_is_not_repaired_twice_at_once(down: Terminal) -> None:
    down(*START, "--check", "blog")
    again = down(*START, "--check", "blog")
    assert again.code == 1
    assert "its target is under repair" in again.err
    assert len(down("runs", "list", "--json").json["items"]) == 1


def test_the_kill_switch_stops_what_would_start_until_it_is_released(down: Terminal) -> None:
    assert down("recovery", "stop", "--team", "web", "-m", "we look first").code == 0
    refused = down(*START, "--check", "blog")
    assert (refused.code, "the kill switch of team web is thrown" in refused.err) == (1, True)
    shown = down("recovery", "status").out
    assert "The kill switch of team web was thrown by bob (we look first)" in shown
    assert down("recovery", "status", "--json").json["switches"][0]["scope"] == "team:web"
    again = down("recovery", "stop", "--team", "web")
    assert (again.code, "thrown already" in again.err) == (1, True)
    assert down("recovery", "start", "--team", "web").out == "The kill switch of team web is released.\n"
    assert down(*START, "--check", "blog").code == 0
    assert down("recovery", "stop", "--json").json["switches"][0]["scope"] == ""
    assert "No kill switch" not in down("recovery", "status").out
    assert down("recovery", "start").code == 0
    assert "No kill switch is thrown." in down("recovery", "status").out


def test_a_breaker_is_closed_by_hand(down: Terminal, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO breakers (runbook, failures, opened_at, changed_at, changed_by) "
                "VALUES ('restart', 3, now(), now(), '')"
            )
        )
    refused = down(*START, "--check", "blog")
    assert (refused.code, "its breaker is open since" in refused.err) == (1, True)
    assert "healthmgr runbooks close restart" in down("recovery", "status").out
    assert down("runbooks", "close", "restart", "--as", "ada").out == "The breaker of restart is closed.\n"
    again = down("runbooks", "close", "restart")
    assert (again.code, "is not open" in again.err) == (1, True)
    assert down(*START, "--check", "blog").code == 0


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        (("runbooks", "run", "restart", "--check", "blog"), 2, "say so with --yes"),
        (("runbooks", "run", "restart", "--check", "blog", "--yes"), 1, "the parameter unit has to be given"),
        ((*START,), 1, "Say which check"),
        ((*START, "--check", "blig"), 1, "There is no check 'blig'"),
        ((*START, "--check", "blog", "-p", "size=1"), 1, "takes no parameter 'size': it takes unit"),
        (("runbooks", "run", "nothing", "--yes"), 1, "There is no runbook 'nothing'"),
        (("runs", "show", "9"), 1, "There is no run '9'"),
        (("runs", "show", "99999999999999999999"), 1, "There is no run"),
        (("runs", "cancel", "nine"), 1, "There is no run 'nine'"),
        (("runs", "list", "--state", "odd"), 2, "odd"),
        (("approvals", "approve", "4"), 1, "There is no approval '4'"),
        (("recovery", "stop", "--team", "nobody"), 1, "is no scope"),
        (("recovery", "start"), 1, "is not thrown"),
        (("runbooks", "close", "nothing"), 1, "is not open"),
    ],
)
def test_what_cannot_be_is_said(down: Terminal, words: tuple[str, ...], code: int, complaint: str) -> None:
    said = down(*words)
    assert (said.code, complaint in " ".join(said.err.split())) == (code, True), said.err


def test_what_people_do_is_on_the_audit_log(down: Terminal, engine: Engine) -> None:
    down(*START, "--check", "shop", "--as", "ada", "-m", "it hangs")
    down("approvals", "approve", "1", "--as", "ben")
    down("runs", "cancel", "1", "--as", "ada")
    down("recovery", "stop", "--as", "ben")
    down("recovery", "start", "--as", "ben")
    with engine.connect() as connection:
        found = connection.execute(
            text("SELECT action, actor FROM audit_entries WHERE action ~ '^(run|approval|recovery)[.]' ORDER BY at")
        ).all()
    assert [tuple(row) for row in found] == [
        ("run.start", "ada"),
        ("approval.approved", "ben"),
        ("run.cancel", "ada"),
        ("recovery.stop", "ben"),
        ("recovery.resume", "ben"),
    ]
