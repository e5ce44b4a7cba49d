"""An installation words its messages itself, and whatever is wrong with its templates, every message is told."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
import structlog

from healthmgr.channels.rendering import Rendered, render
from healthmgr.domain.message import MessageKind
from healthmgr.testing import make_whole_message

BUILT_IN = render(make_whole_message())


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return folder


def rendered(folder: Path, kind: str = "email", **changes) -> Rendered:
    return render(make_whole_message(**changes), kind=kind, templates=str(folder))


def test_a_template_of_ones_own_takes_the_place_of_the_built_in_one(tmp_path):
    write(tmp_path, subject_j2="{{ m.headline }}!", message_txt_j2="Call {{ message.recipient }}: {{ m.summary }}")
    own = rendered(tmp_path)
    assert own.subject == "Session manager is unhealthy!"
    assert own.text == "Call Alice Meyer: answers in 7.2 s, sign-ins time out\n"
    assert own.html == BUILT_IN.html
    assert own.faults == ()


def test_a_template_for_a_kind_of_channel_goes_before_the_one_for_all(tmp_path):
    write(tmp_path, subject_j2="for all", email__subject_j2="for mail", slack__message_txt_j2="for slack")
    assert rendered(tmp_path, "email").subject == "for mail"
    assert rendered(tmp_path, "slack").subject == "for all"
    assert rendered(tmp_path, "slack").text == "for slack\n"
    assert rendered(tmp_path, "email").text == BUILT_IN.text


def test_a_block_of_the_built_in_template_can_be_replaced_alone(tmp_path):
    footer = "{% block footer %}Rota: https://rota.example.com{% endblock %}"
    write(
        tmp_path,
        message_txt_j2='{% extends "builtin/message.txt.j2" %}' + footer,
        message_html_j2='{% extends "builtin/message.html.j2" %}' + footer,
    )
    own = rendered(tmp_path)
    assert own.faults == ()
    for form, whole in ((own.text, BUILT_IN.text), (own.html, BUILT_IN.html)):
        assert "Rota: https://rota.example.com" in form
        assert "019ab3c0-1111" not in form
        assert form[:1000] == whole[:1000]
    assert "Last results (UTC), newest first" in own.html, "macros and colours of the built-in one still work"


def test_markup_in_facts_stays_text_in_own_html_too(tmp_path):
    write(tmp_path, message_html_j2="<b>{{ message.recipient }}</b>")
    assert rendered(tmp_path, recipient="<script>x</script>").html == "<b>&lt;script&gt;x&lt;/script&gt;</b>"


def test_control_characters_of_plain_facts_do_not_get_through(tmp_path):
    write(tmp_path, subject_j2="{{ message.recipient }}", message_txt_j2="{{ message.recipient }}")
    own = rendered(tmp_path, recipient="a\r\nBcc: x\x00\ud800y")
    assert own.subject == "a Bcc: xy"
    own.text.encode()


BROKEN = {
    "syntax": ("{% if %}", "line 1: Expected"),
    "unknown name": ("fine\n{{ m.no_such_thing }}", "line 2: UndefinedError: 'healthmgr"),
    "unknown variable": ("{{ nothing }}", "line 1: UndefinedError: 'nothing' is undefined"),
    "wrong type": ("{{ m.headline + 1 }}", "line 1: TypeError"),
    "division": ("{{ 1 // 0 }}", "line 1: ZeroDivisionError"),
    "blank": ("  {# nothing #}\n", "it says nothing"),
    "missing include": ("{% include 'other.j2' %}", "line 1: TemplateNotFound: other.j2"),
    "missing parent": ("{% extends 'builtin/nope.j2' %}", "TemplateNotFound"),
    "outside": ("{% include '../../../etc/passwd' %}", "TemplateNotFound"),
    "endless recursion": ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "RecursionError"),
    "endless output": (
        "{% for a in range(99999) %}{% for b in range(9999) %}xxxx{% endfor %}{% endfor %}",
        "more than",
    ),
    "programs": ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "SecurityError"),
    "changes facts": ("{{ message.alerts[0].labels.update({'a': 'b'}) }}", "SecurityError"),
}


@pytest.mark.parametrize("form", ["subject.j2", "message.txt.j2", "message.html.j2", "email/message.txt.j2"])
@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_template_loses_no_message_and_says_what_is_wrong(tmp_path, case, form):
    template, words = BROKEN[case]
    path = tmp_path / form
    path.parent.mkdir(exist_ok=True)
    path.write_text(template)
    with structlog.testing.capture_logs() as logs:
        own = rendered(tmp_path)
    assert own.subject == BUILT_IN.subject
    assert own.text.startswith(BUILT_IN.text.strip())
    for said in (own.text, own.faults[0], str(logs[0]["faults"])):
        assert f"own template {form}" in said
        assert words in said
    assert f"own template {form}" in own.html
    assert "The built-in templates were used instead." in own.text
    assert logs[0]["log_level"] == "warning"


def test_forms_that_work_are_kept_beside_one_that_fails(tmp_path):
    write(tmp_path, subject_j2="mine: {{ m.headline }}", message_txt_j2="{{ oops }}", message_html_j2="{{ m.footer }}")
    own = rendered(tmp_path)
    assert own.subject == "mine: Session manager is unhealthy"
    assert own.text.startswith(BUILT_IN.text.strip())
    assert "is undefined" in own.html, "its footer tells the fault as well"


def test_a_loop_that_takes_too_long_is_given_up(tmp_path):
    write(
        tmp_path, message_txt_j2="{% for a in range(99999) %}{% for b in range(999) %}{% endfor %}{{ '' }}{% endfor %}"
    )
    started_at = time.monotonic()
    own = rendered(tmp_path)
    assert time.monotonic() - started_at < 10
    assert "takes longer than" in own.faults[0]


def test_a_folder_that_is_not_there_is_told(tmp_path):
    own = rendered(tmp_path / "nowhere")
    assert own.faults == (f"the folder of own templates, {tmp_path / 'nowhere'}, is not there",)
    assert own.text.count("is not there") == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_cannot_be_read_is_told(tmp_path):
    (write(tmp_path, subject_j2="x") / "subject.j2").chmod(0)
    assert "own template subject.j2" in rendered(tmp_path).faults[0]


def test_a_file_that_is_no_text_is_told(tmp_path):
    (tmp_path / "subject.j2").write_bytes(b"\xff\xfe\x00")
    assert "own template subject.j2" in rendered(tmp_path).faults[0]


def test_a_template_mended_is_used_without_a_restart(tmp_path):
    write(tmp_path, subject_j2="{{ oops }}")
    assert rendered(tmp_path).faults
    write(tmp_path, subject_j2="mended")
    os.utime(tmp_path / "subject.j2", (1, 1))
    assert rendered(tmp_path).subject == "mended"


@pytest.mark.parametrize("kind", list(MessageKind))
def test_an_own_template_sees_every_kind(tmp_path, kind):
    write(tmp_path, subject_j2="{{ message.kind }} of {{ m.eyebrow }}")
    own = render(make_whole_message(kind), templates=str(tmp_path))
    assert own.subject.startswith(f"{kind.value} of ")
