"""A Message as an e-mail: headers that thread and cannot be injected into, with text and HTML alternatives."""

from __future__ import annotations

import hashlib
import re
from email.headerregistry import Address, HeaderRegistry, MessageIDHeader
from email.message import EmailMessage
from email.policy import SMTP, Policy
from email.utils import format_datetime

from healthmgr.channels.rendering import render
from healthmgr.channels.text import one_line
from healthmgr.domain.check import Severity
from healthmgr.domain.message import Message, MessageKind

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_MAILBOX = re.compile(rf"({_ATOM}(?:\.{_ATOM})*)@([^\s@<>,;:\"()\[\]\\]+)")
_NAMED = re.compile(r"([^<>\r\n]*)<([^<>]*)>")
_DOMAIN = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(?:\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*")
_ID_PART = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")


def parse_address(text: str) -> Address:
    """One mailbox, bare or as "Name <mailbox>"; a domain in another script becomes its ASCII form.

    Raises ValueError for anything else, so that neither a second recipient nor a line break gets through.
    """
    named = _NAMED.fullmatch(text.strip())
    name, mailbox = (named[1], named[2]) if named else ("", text)
    match = _MAILBOX.fullmatch(mailbox.strip())
    domain = _ascii_domain(match[2]) if match else ""
    if match is None or not domain or len(match[1]) > 64:
        raise ValueError(f"{one_line(text, 100)!r} is not an e-mail address: write one, such as alice@example.com")
    return Address(one_line(name.strip().strip('"'), 120), match[1], domain)


def compose(
    message: Message, sender: Address, recipient: Address, subject_prefix: str, templates: str = ""
) -> EmailMessage:
    """The e-mail, byte for byte the same for the same message; raises ValueError where there is no alert.

    `templates` is a folder of own templates, "" for none.
    """
    rendered = render(message, kind="email", templates=templates)
    mail = EmailMessage(policy=SMTP.clone(header_factory=_header_registry()))
    prefix = one_line(subject_prefix, 60)
    mail["Subject"] = f"{prefix} {rendered.subject}".strip()
    mail["From"] = sender
    mail["To"] = recipient if recipient.display_name else _named(message.recipient, recipient)
    mail["Date"] = format_datetime(message.composed_at)
    _thread(mail, message, f"healthmgr.{sender.domain}")
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday replies, please
    mail["X-Auto-Response-Suppress"] = "All"  # the same for Exchange
    mail["X-Healthmgr-Incident"] = str(message.incident_number)
    mail["X-Healthmgr-Notification"] = str(message.notification_id)
    if _is_urgent(message):
        mail["X-Priority"] = "1"
        mail["Importance"] = "high"
    mail.set_content(rendered.text, cte="quoted-printable")
    mail.add_alternative(rendered.html, subtype="html", cte="quoted-printable")
    mail.set_boundary(f"=_{message.notification_id.hex}")
    return mail


def _is_urgent(message: Message) -> bool:
    is_answered = message.kind in (MessageKind.RESOLUTION, MessageKind.ACKNOWLEDGEMENT)
    return message.severity is Severity.CRITICAL and not is_answered and not message.is_test


def _thread(mail: EmailMessage, message: Message, domain: str) -> None:
    """The first message carries the thread's root as its own id, and all later ones hang on it."""
    root = f"<{_id_part(message.thread_key)}@{domain}>"
    if message.is_first_of_thread:
        mail["Message-ID"] = root
        return
    mail["Message-ID"] = f"<{message.notification_id}@{domain}>"
    mail["In-Reply-To"] = root
    mail["References"] = root


def _id_part(key: str) -> str:
    if len(key) <= 64 and _ID_PART.fullmatch(key):
        return key
    return hashlib.blake2b(key.encode("utf-8", "replace"), digest_size=16).hexdigest()


def _named(recipient: str, address: Address) -> Address:
    return Address(one_line(recipient, 120), address.username, address.domain)


def _ascii_domain(domain: str) -> str:
    try:
        encoded = domain.encode("idna").decode("ascii")
    except UnicodeError:
        return ""
    return encoded if _DOMAIN.fullmatch(encoded) and len(encoded) <= 253 else ""


class _IdHeader(MessageIDHeader):
    """A header of message ids, in one line: folded as free text, a long id is torn into encoded words."""

    def fold(self, *, policy: Policy) -> str:
        """The header as it is sent."""
        return f"{self.name}: {self}{policy.linesep}"  # type: ignore[attr-defined]  # its stub knows no mixins


def _header_registry() -> HeaderRegistry:
    registry = HeaderRegistry()
    for name in ("message-id", "in-reply-to", "references"):
        registry.map_to_type(name, _IdHeader)  # type: ignore[arg-type]
    return registry
