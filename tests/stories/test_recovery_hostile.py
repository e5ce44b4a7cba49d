"""Hostile output, labels and parameters, all the way: from a probe over a runbook's real steps to every screen."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from rich.console import Console
from sqlalchemy import Engine

from healthmgr.channels.payload import encode
from healthmgr.channels.rendering import render
from healthmgr.channels.slack_blocks import news, payload
from healthmgr.channels.sms_text import compose
from healthmgr.cli import printing
from healthmgr.cli.incident_card import print_incident_card
from healthmgr.cli.run_card import print_run_card
from healthmgr.services.commanding import Act
from healthmgr.services.probing_results import clean
from healthmgr.views_recovery import RunCard
from tests.steps.test_injection import HOSTILE
from tests.stories import repairing
from tests.stories.harness import Story, check
from tests.stories.test_recovery import runbook

# On one line, as a label in a file has to be.
LABEL = '\'; DROP TABLE seen; -- "$(touch PWNED)" `touch PWNED` {{ parameters.unit }} ${TOKEN} %(x)s <b>&<!channel>'
PARAMETER = "\n".join(value for name, value in HOSTILE.items() if name not in ("long", "empty"))
OUTPUT = f"{PARAMETER}\n<script>alert('out')</script> <!here> *bold* [x](javascript:alert(1)) \x1b]0;owned\x07 \x00"
FORBIDDEN = ("<script>", "<b>&", "<!channel>", "<!here>", "<http://evil.example|here>")

_PROGRAM = """#!{python}
import json, sys
with open({record!r}, "a") as file:
    file.write(json.dumps(sys.argv[1:]) + "\\n")
print(sys.argv[1])
"""


@pytest.fixture
def world(story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database_url: str) -> dict[str, Any]:
    """A check with a hostile label, and a runbook whose steps are real and are given all that is hostile."""
    record = tmp_path / "argv"
    program = tmp_path / "program"
    program.write_text(_PROGRAM.format(python=sys.executable, record=str(record)))
    program.chmod(0o755)
    monkeypatch.setenv("HEALTHMGR_ALLOWED_COMMANDS", str(program))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(repairing, "PASSIVE", {*repairing.PASSIVE, "command", "sql"})
    both = "{{ labels.host }} {{ parameters.unit }}"
    steps = [
        {"id": "tell", "kind": "notification", "config": {"message": f"Repairing {both}"}},
        {
            "id": "run",
            "kind": "command",
            "config": {"command": [str(program), "{{ labels.host }}", "{{ parameters.unit }}", f"x={both}"]},
        },
        {
            "id": "note",
            "kind": "sql",
            "config": {
                "url": database_url,
                "statement": "INSERT INTO seen (label, parameter) VALUES (%(label)s, %(parameter)s)",
                "values": {"label": "{{ labels.host }}", "parameter": "{{ parameters.unit }}"},
            },
        },
        {"id": "ask", "kind": "approval", "config": {"question": f"Is {both} back?"}},
    ]
    story.given(
        check("api", severity="high", service="shop", labels={"host": LABEL}),
        routing={"default": {"to": ["alice"], "via": ["mail", "hook"], "group_wait": "0s"}},
        runbooks={
            "restart": runbook(*steps, automation="manual", parameters={"unit": None}, target="{{ labels.host }}")
        },
    )
    story.all_is_well()
    return {"record": record, "folder": tmp_path}


@pytest.fixture
def seen(database_url: str, engine: Engine) -> Any:
    connection = psycopg2.connect(database_url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE seen (label text, parameter text)")
        yield cursor
        cursor.execute("DROP TABLE seen")
    connection.close()


def shown(print_it: Any, *arguments: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """What a command writes to a terminal."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=False, width=200, highlight=False, markup=False, emoji=False)
    monkeypatch.setattr(printing, "_console", lambda: console)
    monkeypatch.setattr("sys.stdout", screen)
    print_it(*arguments)
    monkeypatch.undo()
    return screen.getvalue()


def test_it_is_data_to_programs_databases_people_and_screens(
    story: Story, world: dict[str, Any], seen: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What a probe found is played; what probing keeps of it is not.
    story.check_fails("api", clean(OUTPUT + "x" * 1_000_000, ()))
    story.fast_forward(seconds=30)
    story.recovering.start("restart", Act("alice", "cli", story.now), check="api", parameters={"unit": PARAMETER})
    story.fast_forward(seconds=10)
    (row,) = story.rows("SELECT id, number, state, words FROM runs")
    assert row.state == "awaiting_approval", row.words
    # To a program each is one argument, to a database one value.
    (argv,) = [json.loads(line) for line in world["record"].read_text().splitlines()]
    assert argv == [LABEL, PARAMETER, f"x={LABEL} {PARAMETER}"]
    seen.execute("SELECT label, parameter FROM seen")
    assert seen.fetchall() == [(LABEL, PARAMETER)]
    assert sorted(path.name for path in world["folder"].iterdir() if "PWNED" in path.name) == []
    # To people it is text.
    assert {delivery.message.reason for delivery in story.deliveries} >= {"first_notification", "approval_asked"}
    for delivery in story.deliveries:
        _is_text_in_every_form(delivery.message)
    # To those who look it is text as well.
    reading = story.healthmgr.recovery.reading
    (question,) = reading.approvals()
    story.healthmgr.recovery.deciding.approve(question.id, Act(LABEL, "cli", story.now, PARAMETER))
    story.fast_forward(seconds=5)
    card = reading.run(str(row.number))
    assert card is not None
    assert card.parameters == {"unit": PARAMETER}
    assert RunCard.model_validate_json(card.model_dump_json()) == card
    incident = story.healthmgr.reading.incident(story.healthmgr.reading.incident_id(1))
    for print_it, what in ((print_run_card, card), (print_incident_card, incident)):
        screen = shown(print_it, what, story.now, monkeypatch=monkeypatch)
        assert re.findall(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", screen) == [], print_it
        assert "DROP TABLE" in screen
    ((stored,),) = story.rows("SELECT max(length(message)) FROM results")
    assert stored < 10_000, "a megabyte is kept as its beginning"


def _is_text_in_every_form(message: Any) -> None:
    for document in (payload(message, with_actions=True), payload(message), news(message)):
        said = json.dumps(document, ensure_ascii=False)
        for each in FORBIDDEN:
            assert each not in said, (each, message.reason)
        assert len(said) < 40_000
    mail = render(message)
    assert "<script>" not in mail.html
    assert "<b>&" not in mail.html
    assert "\n" not in mail.subject
    assert len(compose(message, replies=True).body) < 1000
    assert json.loads(encode(message))["data"]["reason"] == message.reason
