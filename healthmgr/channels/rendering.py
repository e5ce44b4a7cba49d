"""What messages look like: a Message as a subject, plain text and HTML, for any channel.

The templates only lay out; every word, time and bound is made in `rendering_view`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import structlog

from healthmgr.channels.rendering_templates import HTML, SUBJECT, TEXT, OwnTemplateFailed, Templates, built_in
from healthmgr.channels.rendering_view import LADDER, MessageView, message_view
from healthmgr.channels.text import one_line
from healthmgr.domain.message import Message

log = structlog.get_logger(__name__)

_GAP = re.compile(r"\n\s*\n\s*\n")
_MOST_HTML = 98_000  # bytes; Gmail clips what is longer than about 102 kB
_FORMS = (SUBJECT, TEXT, HTML)


@dataclass(frozen=True, slots=True)
class Rendered:
    """One message in the three forms that channels need. `subject` is one line without a product prefix.

    `faults` tells which own templates failed; their forms are the built-in ones, and say so at their end.
    """

    subject: str
    text: str
    html: str
    faults: tuple[str, ...] = ()


def render(message: Message, *, kind: str = "", templates: str = "") -> Rendered:
    """The message in its three forms; raises ValueError for one without anything to tell of.

    `templates` is a folder of the installation's own templates, "" for none, and `kind` the kind of channel that
    asks. Whatever is wrong with those, the message is rendered.
    """
    chosen = Templates(templates, kind)
    for bounds in LADDER:
        view = message_view(message, bounds)
        forms, faults = _lay_out(view, message, chosen)
        if len(forms[-1].encode()) <= _MOST_HTML:
            break
    if faults:
        log.warning("own_template_failed", faults=list(faults), notification=str(message.notification_id))
        told = tuple(f"{fault[0].upper()}{fault[1:]}. The built-in templates were used instead." for fault in faults)
        # Once more, so that every form says so; one that works may show the footer as well.
        forms, _ = _lay_out(replace(view, footer=(*view.footer, *told)), message, chosen)
    subject, text, html = forms
    text = _GAP.sub("\n\n", text).strip() + "\n"
    return Rendered(subject=one_line(subject, 250), text=text, html=html, faults=faults)


def _lay_out(view: MessageView, message: Message, templates: Templates) -> tuple[list[str], tuple[str, ...]]:
    forms: list[str] = []
    faults: list[str] = []
    for form in _FORMS:
        try:
            own = templates.own(form, view, message)
        except OwnTemplateFailed as error:
            faults.append(one_line(str(error), 400))
            own = None
        forms.append(built_in(form, view, message) if own is None else own)
    return forms, tuple(dict.fromkeys(faults))
