"""What Twilio's answers mean: taken, refused for good, or worth another try. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from healthmgr.channels.http import Answer, Request, refusal
from healthmgr.channels.sms_delivery import FAILURES
from healthmgr.channels.text import one_line, without
from healthmgr.errors import ChannelError
from healthmgr.ports import Receipt

# Refusals that pass by themselves, whatever status they come with: queues that are full, limits for some time.
_TEMPORARY = frozenset({14107, 20429, 20500, 20503, 21611, 30001, 30022, 63038})
_ADVICE: Mapping[int, str] = {
    20003: "see `account_sid` and `auth_token`",
    20404: "see `account_sid` and `url`",
    21211: "correct the recipient's contact",
    21266: "the recipient's number is the sender's own",
    21408: "allow this country in the account's geographic permissions for messaging",
    21603: "name a sender",
    21606: "the sender has to be a number of this account that can send text messages",
    21608: "a trial account can only tell numbers that were verified",
    21610: "the recipient has sent STOP, and has to send START to the sender before anything reaches them",
    21612: "this sender cannot reach this number",
    21614: "the recipient's contact has to be a mobile phone",
    21659: "the sender has to be a number of this account, or a name that it may use in this country",
    21660: "the sender belongs to another account",
    21703: "give the messaging service a sender",
}


def accepted(request: Request, answer: Answer) -> Receipt:
    """The receipt of a message that was taken; raises ChannelError for every other answer."""
    document = parsed(answer.body)
    if not 200 <= answer.status < 300:
        raise _refused(request, answer, document)
    sid, status = str(document.get("sid") or ""), str(document.get("status") or "")
    if not sid and answer.status != 201:
        # With 2xx, but not in Twilio's words: a proxy, a sign-in page, or another service.
        raise ChannelError(f"{request.place} did not answer as Twilio does, but {answer}: see `url`", permanent=True)
    if status in FAILURES:
        why = _said(request, document.get("error_code"), document.get("error_message"))
        raise ChannelError(f"{request.place} took the message and gave up on it: {status} {why}", permanent=True)
    parts = str(document.get("num_segments") or "")
    segments = f", {parts} segments" if parts.isdecimal() and int(parts) > 1 else ""
    return Receipt(provider_id=sid[:64], detail=f"{answer.status} {one_line(status, 40) or 'taken'}{segments}")


def earlier(answer: Answer, headline: str, since: datetime) -> Receipt | None:
    """The receipt of the newest message, of those that Twilio lists, that has this headline and was made since then.

    None where there is none, or where it is known to have failed.
    """
    messages = parsed(answer.body).get("messages")
    for each in messages if isinstance(messages, list) else ():
        if not isinstance(each, dict) or not str(each.get("direction", "")).startswith("outbound"):
            continue
        status, made_at = str(each.get("status") or ""), _instant(each.get("date_created"))
        # A trial account puts words of its own before every body: the headline is looked for anywhere.
        is_it = headline in str(each.get("body") or "") and made_at is not None and made_at >= since
        if is_it and status not in FAILURES and each.get("sid"):
            known = f"an earlier attempt had been taken: {one_line(status, 40)}"
            return Receipt(provider_id=str(each["sid"])[:64], detail=known)
    return None


def parsed(body: bytes) -> Mapping[str, Any]:
    """The JSON object of an answer; empty for anything else."""
    try:
        document = json.loads(body)
    except ValueError:  # neither JSON nor UTF-8, or broken off
        return {}
    return document if isinstance(document, dict) else {}


def _refused(request: Request, answer: Answer, document: Mapping[str, Any]) -> ChannelError:
    plain = refusal(request, answer)
    code = document.get("code")
    if not isinstance(code, int):
        return plain
    is_temporary = code in _TEMPORARY or not plain.permanent
    advice = f": {_ADVICE[code]}" if code in _ADVICE else ""
    said = _said(request, code, document.get("message"))
    return ChannelError(
        f"{request.place} refused the message: {answer.status} {said}{advice}",
        permanent=not is_temporary,
        retry_after=answer.retry_after if is_temporary else None,
        is_ambiguous=plain.is_ambiguous,
    )


def _said(request: Request, code: object, words: object) -> str:
    text = " ".join(str(part) for part in (f"error {code}:" if code else "", words or "") if part)
    return one_line(without(text, list(request.secrets)), 300)


def _instant(text: object) -> datetime | None:
    """A time as Twilio writes it (RFC 2822), aware; None for anything else."""
    try:
        at = parsedate_to_datetime(str(text))
    except (ValueError, OverflowError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
