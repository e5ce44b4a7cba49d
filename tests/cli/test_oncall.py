"""`healthmgr oncall` and `healthmgr contacts` over real rows, as a person types them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from sqlalchemy import Engine, text

from healthmgr.domain.calendar import zone
from healthmgr.domain.check import Severity
from healthmgr.domain.civil import moment_at
from healthmgr.domain.escalation import Conditions, Level, Named, Policy, TargetKind
from healthmgr.domain.ical_import import read_calendar
from healthmgr.domain.rotation import Rotation
from healthmgr.domain.routing_tree import Route
from healthmgr.domain.schedule import Layer
from healthmgr.errors import DefinitionError
from tests.builders import make_channel, make_recipient, make_route
from tests.cli.conftest import Terminal

BERLIN = "Europe/Berlin"
MONDAY = datetime(2026, 3, 2, 9, 0)  # noqa: DTZ001 - on the wall


def put_schedule(engine: Engine, name: str, *layers: Layer, timezone: str = BERLIN) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO schedules (name, timezone, layers, is_enabled, managed_by, updated_at) "
                "VALUES (:name, :timezone, :layers, true, 'healthmgr.yaml', now())"
            ),
            {"name": name, "timezone": timezone, "layers": json.dumps([layer.to_document() for layer in layers])},
        )


@pytest.fixture(autouse=True)
def rota(engine: Engine) -> None:
    """Alice and bob take weekly turns from Monday 09:00 in Berlin; carol is there besides."""
    for name in ("alice", "bob", "carol"):
        make_recipient(engine, name, mail=f"{name}@example.com")
    make_channel(engine, "mail")
    rotation = Rotation(("alice", "bob"), MONDAY, zone(BERLIN))
    put_schedule(engine, "primary", Layer("weekly", rotation=rotation))


def test_show_tells_who_is_on_call_on_the_schedules_clock(terminal: Terminal) -> None:
    said = terminal("oncall", "show", "primary", "--at", "2026-03-27T12:00", "--days", "7")
    assert said.code == 0, said.err
    lines = [re.sub(r"\s{2,}", " | ", line) for line in said.out.splitlines()]
    assert "clock | Europe/Berlin" in lines
    assert "on call | bob, from Fri 2026-03-27 12:00 to Mon 2026-03-30 09:00" in lines
    # The clocks go forward on 29 March: the handoff stays at nine.
    assert "Fri 2026-03-27 12:00 | Mon 2026-03-30 09:00 | 2 d 20 h | bob" in lines
    assert "Mon 2026-03-30 09:00 | Fri 2026-04-03 13:00 | 4 d 04 h | alice" in lines
    assert "bob | 68 | 23 | 47" in lines
    assert "not verified" in said.out


def test_show_marks_gaps_and_double_bookings(terminal: Terminal, engine: Engine) -> None:
    put_schedule(engine, "secondary", Layer("always", people=("alice",)))
    said = terminal("oncall", "override", "primary", "--remove", "alice", "--from", "2099-01-05T10:00", "--to",
                    "2099-01-05T12:00")  # fmt: skip
    who = "alice" if "Nobody is on call" in said.out else "bob"
    if who == "bob":
        terminal("oncall", "override", "primary", "--remove", "bob", "--from", "2099-01-05T10:00", "--to",
                 "2099-01-05T12:00")  # fmt: skip
    shown = terminal("oncall", "show", "primary", "--at", "2099-01-05T00:00", "--days", "14")
    assert "Mon 2099-01-05 10:00 to 12:00: nobody is on call (overrides remove everybody)" in shown.out
    assert "alice is on call in secondary as well" in shown.out
    kinds = {finding["kind"] for finding in terminal(
        "oncall", "show", "primary", "--at", "2099-01-05T00:00", "--json").json["findings"]}  # fmt: skip
    assert kinds == {"empty_shift", "double_booking"}


def test_an_override_is_shown_listed_and_taken_back(terminal: Terminal) -> None:
    shown = terminal("oncall", "show", "primary", "--at", "2099-01-05T10:00", "--days", "1", "--json").json
    (on_call,) = shown["on_call"]
    words = ("oncall", "override", "primary", "--replace", f"{on_call}:carol", "--from", "2099-01-05T10:00")
    said = terminal(*words, "--to", "2099-01-05T18:00", "--comment", "dentist")
    assert said.code == 0, said.err
    assert f"Mon 2099-01-05 10:00 to 18:00: carol in the place of {on_call} (by bob: dentist)" in said.out
    assert terminal("oncall", "show", "primary", "--at", "2099-01-05T10:00", "--json").json["on_call"] == ["carol"]
    listed = terminal("oncall", "changes", "primary").out
    assert said.out.splitlines()[0] in listed
    assert "Taken back: " in terminal("oncall", "remove", "primary", listed.split()[0]).out
    assert terminal("oncall", "changes", "primary").out == "Nothing changes it.\n"


@pytest.mark.parametrize(
    ("begins", "ends", "hours"),
    [
        ("tomorrow 09:00", "tomorrow 18:00", 9),
        ("tomorrow 18:00", "09:00", 15),
        ("2099-01-05T18:00", "23:00", 5),
        ("2099-01-05T18:00", "monday 18:00", 7 * 24),
    ],
)
def test_the_end_of_a_change_is_looked_for_after_its_beginning(
    begins: str, ends: str, hours: int, terminal: Terminal
) -> None:
    change = terminal(
        "oncall", "override", "primary", "--add", "carol", "--from", begins, "--to", ends, "--json"
    ).json  # fmt: skip
    length = datetime.fromisoformat(change["ends_at"]) - datetime.fromisoformat(change["starts_at"])
    assert abs(length - timedelta(hours=hours)) <= timedelta(hours=1)  # the clocks may change in between


def test_a_temporary_schedule_holds_alone(terminal: Terminal) -> None:
    said = terminal(
        "oncall", "temporary", "primary", "--from", "2099-12-24T00:00", "--to", "2099-12-26T00:00",
        "--shift", "carol 2099-12-24T00:00/2099-12-25T00:00",
    )  # fmt: skip
    assert said.code == 0, said.err
    assert "only carol on call" in said.out
    assert "Nobody is on call from Fri 2099-12-25 00:00 to Sat 2099-12-26 00:00." in said.out


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        (("show", "primry"), 1, "There is no schedule 'primry'"),
        (("show", "primary", "--at", "teatime"), 2, "'teatime' is no time: write one such as"),
        (("override", "primary", "--to", "18:00"), 2, "say one of --add PERSON, --remove PERSON and --replace OLD:NEW"),
        (("override", "primary", "--to", "18:00", "--replace", "alice"), 2, "write OLD:NEW"),
        (("override", "primary", "--add", "zoe", "--to", "18:00"), 1, "There is nobody called 'zoe'"),
        (("override", "primary", "--add", "carol", "--from", "2099-01-02", "--to", "2099-01-01"), 2, "end after"),
        (("override", "primary", "--add", "carol", "--from", "2020-01-01", "--to", "2020-01-02"), 2, "lie ahead"),
        (("remove", "primary", "abcd"), 1, "There is no change 'abcd'"),
        (("swap", "accept", "abcd"), 1, "There is no swap 'abcd'"),
        (("export", "alice"), 1, "Add --person for a person's."),
        (("who", "shop", "--label", "team"), 2, "write NAME=VALUE"),
    ],
)
def test_what_cannot_be_meant_is_said_in_one_line(
    words: tuple[str, ...], code: int, complaint: str, terminal: Terminal
) -> None:
    said = terminal("oncall", *words)
    assert said.code == code
    assert complaint in re.sub(r"[\s│]+", " ", said.err)
    assert not said.out


def test_a_swap_waits_for_the_other_person(terminal: Terminal) -> None:
    (giver,) = terminal("oncall", "show", "primary", "--at", "2099-01-05T10:00", "--json").json["on_call"]
    said = terminal(
        "oncall", "swap", "propose", "primary", "--with", "carol", "--from", "2099-01-05T10:00",
        "--to", "2099-01-05T18:00", "--as", giver,
    )  # fmt: skip
    assert said.code == 0, said.err
    swap_id = said.out.split()[0]
    assert f"proposed: carol takes Mon 2099-01-05 10:00 to 18:00 of {giver} in primary" in said.out
    assert said.out == terminal("oncall", "swap", "list").out
    refused = terminal("oncall", "swap", "accept", swap_id, "--as", giver)
    assert refused.code == 1
    assert "by carol alone" in refused.err
    assert "accepted: carol takes" in terminal("oncall", "swap", "accept", swap_id, "--as", "carol").out
    assert terminal("oncall", "show", "primary", "--at", "2099-01-05T10:00", "--json").json["on_call"] == ["carol"]
    assert terminal("oncall", "swap", "list").out == "No swap waits for an answer.\n"
    assert "accepted" in terminal("oncall", "swap", "list", "--all").out


def test_what_is_exported_is_the_schedule(terminal: Terminal) -> None:
    said = terminal("oncall", "export", "primary")
    now = datetime.now(UTC)
    people = {name: name for name in ("alice", "bob")}
    read = read_calendar(said.out, people, zone("UTC"), now, now + timedelta(days=60))
    shown = terminal("oncall", "show", "primary", "--days", "60", "--json").json["shifts"]
    assert [(s.person, s.ends_at) for s in read.shifts][:-1] == [
        (s["person"], datetime.fromisoformat(s["ends_at"])) for s in shown
    ][:-1]
    assert "SUMMARY:On call: primary" in terminal("oncall", "export", "alice", "--person").out
    address = terminal("oncall", "export", "primary", "--address").out
    assert re.fullmatch(r"https://health\.example\.com/calendars/schedule/primary/[\w-]{22}\.ics\n", address)


def test_who_names_routes_levels_people_and_ways(terminal: Terminal, engine: Engine) -> None:
    levels = (
        Level("L1", (Named(TargetKind.SCHEDULE, "primary"),)),
        Level("mild", (Named(TargetKind.PERSON, "bob"),), when=Conditions(severities=(Severity.LOW,))),
        Level("L2", (Named(TargetKind.SCHEDULE, "nowhere"),), timedelta(minutes=5)),
    )
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO escalation_policies VALUES ('standard', :document, 'test', now())"),
            {"document": json.dumps(Policy("standard", levels).to_document())},
        )
    make_route(engine, Route("default", to=("carol",), via=("mail",), escalation="standard"))
    said = terminal("oncall", "who", "shop", "--at", "2026-03-03T12:00Z")
    assert said.code == 0, said.err
    assert 'service="shop", severity="critical" at 2026-03-03 12:00 UTC' in said.out
    assert "1. L1: schedule:primary (alice)" in said.out
    assert "   alice: mail" in said.out
    assert "2. mild, 10 min after the one before: person:bob (bob)" in said.out
    assert "not for this severity: passed" in said.out
    assert "3. L2, 5 min after the one before: schedule:nowhere (nobody)" in said.out
    assert "nobody is on call: passed at once" in said.out
    assert said.out.rstrip().endswith("carol over mail")


def test_the_list_says_who_is_on_call_now(terminal: Terminal, engine: Engine) -> None:
    put_schedule(engine, "empty")
    said = terminal("oncall", "list")
    assert re.search(r"^empty +nobody +- +Europe/Berlin", said.out, re.MULTILINE)
    assert re.search(r"^primary +(alice|bob) +Mon \d{4}-\d\d-\d\d 09:00 +Europe/Berlin", said.out, re.MULTILINE)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("now", "2026-03-27T11:00:00+00:00"),
        ("12:30", "2026-03-27T11:30:00+00:00"),
        ("9:00", "2026-03-28T08:00:00+00:00"),  # today's has passed
        ("tomorrow 09:00", "2026-03-28T08:00:00+00:00"),
        ("Friday 18:00", "2026-03-27T17:00:00+00:00"),
        ("fri 09:00", "2026-04-03T07:00:00+00:00"),  # the next one, in summer time
        ("sunday", "2026-03-28T23:00:00+00:00"),
        ("2026-03-29 02:30", "2026-03-29T01:00:00+00:00"),  # skipped: when the clocks have been put forward
        ("2026-03-29T02:30Z", "2026-03-29T02:30:00+00:00"),
    ],
)
def test_times_are_read_on_the_clock_of_the_schedule(written: str, meant: str) -> None:
    now = datetime(2026, 3, 27, 11, 0, tzinfo=UTC)  # a Friday, noon in Berlin
    assert moment_at(written, now, zone(BERLIN), "--at") == datetime.fromisoformat(meant)


@pytest.mark.parametrize("written", ["", "soon", "25:00", "tomorrow 9", "someday 09:00", "2026-02-30"])
def test_what_is_no_time_is_refused(written: str) -> None:
    with pytest.raises(DefinitionError, match="is no time"):
        moment_at(written, datetime(2026, 3, 27, 11, 0, tzinfo=UTC), zone(BERLIN), "--at")


# ---- the doctor ------------------------------------------------------------------------------------


def doctor_says(terminal: Terminal, examination: str) -> list[tuple[str, str]]:
    findings = terminal("doctor", "--json").json["findings"]
    return [(one["level"], one["message"]) for one in findings if one["examination"] == examination]


def test_the_doctor_tells_of_gaps_broken_calendars_and_contacts_never_tried(terminal: Terminal, engine: Engine) -> None:
    ((level, message),) = doctor_says(terminal, "on call")
    assert (level, message) == ("ok", "somebody is on call in all 1 schedules for 14 days")
    assert doctor_says(terminal, "contacts")[0][0] == "warning"
    put_schedule(engine, "empty")
    with engine.begin() as connection:
        connection.execute(text("""UPDATE schedules SET feeds = '{"primary": "x"}' WHERE name = 'empty'"""))
        connection.execute(
            text(
                "INSERT INTO schedule_feeds (schedule, kind, fault, failing_since, unknown) "
                "VALUES ('empty', 'primary', 'answered 404', now(), '[\"Zoe\"]')"
            )
        )
        connection.execute(text("UPDATE recipients SET contacts = '{}'"))
    said = {message.split(" from ")[0]: level for level, message in doctor_says(terminal, "on call")}
    assert said == {
        "nobody is on call in empty": "warning",
        "the calendar (primary) of empty was never read: answered 404": "failed",
        "the calendar (primary) of empty names Zoe: nobody here is called so": "warning",
    }
    assert ("failed", "on call, and without a contact: alice and bob") in doctor_says(terminal, "contacts")


# ---- contacts --------------------------------------------------------------------------------------


class _Inbox(BaseHTTPRequestHandler):
    """Takes what a webhook channel sends."""

    bodies: list[str] = []  # noqa: RUF012 - one for the test that uses it

    def do_POST(self) -> None:
        self.bodies.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hook(engine: Engine) -> str:
    """A channel whose receiver is a real server; its name."""
    _Inbox.bodies.clear()
    server = HTTPServer(("127.0.0.1", 0), _Inbox)
    Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/"
    make_channel(engine, "hook", kind="webhook", config={"url": url, "secret": "whsec_" + "a" * 32})
    make_recipient(engine, "dora", hook="")
    return "hook"


def test_a_contact_is_verified_by_the_code_that_arrived(terminal: Terminal, hook: str) -> None:
    assert re.search(r"^dora +hook +- +never", terminal("contacts", "list", "dora").out, re.MULTILINE)
    said = terminal("contacts", "verify", "dora", hook)
    assert said.code == 0, said.err
    assert "hook accepted it" in said.out
    (body,) = _Inbox.bodies
    code = re.search(r"The code is (\d{6})", body)[1]  # type: ignore[index]
    wrong = terminal("contacts", "confirm", "dora", hook, "nonsense")
    assert wrong.code == 1
    assert "not the code" in wrong.err
    assert terminal("contacts", "confirm", "dora", hook, code).out == "dora can be reached over hook.\n"
    assert terminal("contacts", "list", "dora", "--json").json["items"][0]["verified_at"]
    again = terminal("contacts", "confirm", "dora", hook, code)
    assert "No code is out" in again.err


def test_a_code_is_not_guessed(terminal: Terminal, hook: str) -> None:
    terminal("contacts", "verify", "dora", hook)
    code = re.search(r"The code is (\d{6})", _Inbox.bodies[0])[1]  # type: ignore[index]
    for _ in range(5):
        terminal("contacts", "confirm", "dora", hook, "nonsense")
    said = terminal("contacts", "confirm", "dora", hook, code)
    assert said.code == 1
    assert "Too many wrong codes" in said.err
    soon = terminal("contacts", "verify", "dora", hook)
    assert "A code is on its way already" in soon.err


def test_an_old_code_does_not_hold_and_another_address_is_another_contact(
    terminal: Terminal, hook: str, engine: Engine
) -> None:
    terminal("contacts", "verify", "dora", hook)
    code = re.search(r"The code is (\d{6})", _Inbox.bodies[0])[1]  # type: ignore[index]
    with engine.begin() as connection:
        connection.execute(text("UPDATE contact_checks SET sent_at = sent_at - interval '16 minutes'"))
    assert "older than 15 minutes" in terminal("contacts", "confirm", "dora", hook, code).err
    with engine.begin() as connection:
        connection.execute(text("""UPDATE recipients SET contacts = '{"hook": "other"}' WHERE name = 'dora'"""))
    assert "No code is out" in terminal("contacts", "confirm", "dora", hook, code).err


def test_contacts_that_there_are_not_are_named(terminal: Terminal, hook: str) -> None:
    assert "nobody called 'zoe'" in terminal("contacts", "verify", "zoe", hook).err
    assert "he can be reached over mail" in terminal("contacts", "verify", "alice", hook).err
