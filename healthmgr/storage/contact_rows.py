"""Whether the contacts of people work: codes that were sent over them, and came back."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from healthmgr.domain.person import contacts_from_document
from healthmgr.services.verifying import SentCode, VerifyingTransaction
from healthmgr.storage.audit_rows import write_audit
from healthmgr.views_oncall import ContactView

_PEOPLE = text("""
SELECT name, contacts, contact_plan FROM recipients
WHERE is_enabled AND (CAST(:names AS text[]) IS NULL OR name = ANY(:names)) ORDER BY name
""").bindparams(bindparam("names", type_=ARRAY(Text)))

_CHECKS = text("""
SELECT person, channel, address, sent_at, verified_at FROM contact_checks
WHERE CAST(:names AS text[]) IS NULL OR person = ANY(:names)
""").bindparams(bindparam("names", type_=ARRAY(Text)))

_CODE = text("""
SELECT code_digest, attempts, sent_at FROM contact_checks
WHERE person = :person AND channel = :channel AND address = :address FOR UPDATE
""")

_KEEP_CODE = text("""
INSERT INTO contact_checks (person, channel, address, code_digest, attempts, sent_at)
VALUES (:person, :channel, :address, :digest, 0, :now)
ON CONFLICT (person, channel, address) DO UPDATE SET
    code_digest = EXCLUDED.code_digest, attempts = 0, sent_at = EXCLUDED.sent_at
""")

_NOTE_ATTEMPT = text("""
UPDATE contact_checks SET attempts = attempts + 1
WHERE person = :person AND channel = :channel AND address = :address
""")

_VERIFIED = text("""
UPDATE contact_checks SET verified_at = :now, code_digest = '', attempts = 0
WHERE person = :person AND channel = :channel AND address = :address
""")


class ContactRows(VerifyingTransaction):
    """Contacts within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def contacts(self, person: str) -> list[ContactView]:
        return read_contacts(self._connection, [person])

    def code(self, contact: ContactView) -> SentCode | None:
        row = self._connection.execute(_CODE, _key(contact)).one_or_none()
        return SentCode(row.code_digest, row.attempts, row.sent_at) if row and row.code_digest else None

    def keep_code(self, contact: ContactView, digest: str, now: datetime) -> None:
        self._connection.execute(_KEEP_CODE, _key(contact) | {"digest": digest, "now": now})

    def note_attempt(self, contact: ContactView) -> None:
        self._connection.execute(_NOTE_ATTEMPT, _key(contact))

    def verified(self, contact: ContactView, now: datetime) -> None:
        self._connection.execute(_VERIFIED, _key(contact) | {"now": now})

    def audit(self, actor: str, origin: str, action: str, target: str, detail: dict[str, Any], now: datetime) -> None:
        write_audit(self._connection, actor, origin, action, target, detail, now)


def read_contacts(connection: Connection, people: Collection[str] | None = None) -> list[ContactView]:
    """The contacts of these people, or of everybody: by person, in the order in which they are tried."""
    names = {"names": None if people is None else list(people)}
    checks = {(row.person, row.channel, row.address): row for row in connection.execute(_CHECKS, names)}
    found = []
    for row in connection.execute(_PEOPLE, names):
        for channel, address, after in _contacts_of(row):
            check = checks.get((row.name, channel, address))
            found.append(
                ContactView(
                    person=row.name,
                    channel=channel,
                    address=address,
                    after=after,
                    sent_at=check.sent_at if check else None,
                    verified_at=check.verified_at if check else None,
                )
            )
    return found


def _contacts_of(row: Any) -> list[tuple[str, str, float]]:
    plan = contacts_from_document(row.contact_plan)
    if plan:
        return [(contact.channel, contact.address, contact.after.total_seconds()) for contact in plan]
    return [(channel, address, 0.0) for channel, address in sorted(row.contacts.items())]


def _key(contact: ContactView) -> dict[str, str]:
    return {"person": contact.person, "channel": contact.channel, "address": contact.address}
