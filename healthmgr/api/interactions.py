"""What providers call back with: buttons pressed in Slack, what became of text messages, and replies to them.

None of them has a token of ours: each request is signed, with a secret that a channel or the environment names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from html import escape
from typing import Annotated, Any
from urllib.parse import parse_qsl
from uuid import UUID

import structlog
from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import JSONResponse, Response
from starlette.background import BackgroundTask

from healthmgr.api.approval_answers import vote
from healthmgr.api.parts import Parts, PartsDep
from healthmgr.channels import http
from healthmgr.channels.slack_buttons import Action
from healthmgr.channels.slack_signature import Interaction, parse_interaction, verify
from healthmgr.channels.sms import phone_number
from healthmgr.channels.sms_delivery import is_news, parse_delivery
from healthmgr.channels.sms_signature import SIGNATURE_HEADER, validate_signature
from healthmgr.domain.command import AfterDecline
from healthmgr.domain.phrasing import absolute, listing
from healthmgr.errors import ChannelError, Conflict, NotFound
from healthmgr.services.commanding import Act, Escalated
from healthmgr.services.reporting import Report

log = structlog.get_logger(__name__)

router = APIRouter(prefix="/interactions", include_in_schema=False)

SLACK_SILENCES_FOR = timedelta(hours=1)
_ANSWER_WITHIN = timedelta(seconds=10)
_MOST_FIELDS = 200
_MOST_NAMED = 5
_REPLY = re.compile(
    r"\s*(ack|acknowledge|resolve|decline|esc|escalate|approve|deny)\b\W*(\d{1,18})\s*\.?\s*", re.IGNORECASE
)
_HELP = (
    "Reply ACK 12 to say that you are on incident 12, RESOLVE 12 when it is over, DECLINE 12 when you cannot take it, "
    "ESC 12 to tell the next level, or APPROVE 3 or DENY 3 to answer what a runbook asks."
)


async def _body(request: Request) -> bytes:
    return await request.body()


Body = Annotated[bytes, Depends(_body)]


def _fields(body: bytes) -> list[tuple[str, str]]:
    """The fields of a form; raises HTTPException for far too many."""
    try:
        return parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise HTTPException(400, "The form has too many fields") from None


# ---- Slack -----------------------------------------------------------------------------------------


@router.post("/slack")
def press_button(request: Request, parts: PartsDep, body: Body) -> Response:
    """Somebody pressed a button below a message. Slack waits three seconds, and is told at once what came of it."""
    stamp = request.headers.get("x-slack-request-timestamp", "")
    signature = request.headers.get("x-slack-signature", "")
    secrets = [parts.settings.slack_signing_secret, *parts.reporting.secrets("slack", "signing_secret")]
    now = parts.clock.now()
    if not any(verify(secret, stamp, body, signature, now) for secret in secrets):
        raise HTTPException(401, "This was not signed by Slack with a signing secret that is known here")
    try:
        pressed = parse_interaction(dict(_fields(body)).get("payload", ""))
    except ValueError as error:
        raise HTTPException(400, f"This is nothing that Slack sends: {error}") from None
    if pressed is None:
        return Response()
    said = escape(_carry_out(parts, pressed), quote=False)
    answer = {"response_type": "ephemeral", "replace_original": False, "text": said}
    later = BackgroundTask(post_answer, pressed.response_url, answer) if pressed.response_url else None
    return JSONResponse(answer, background=later)


def post_answer(url: str, answer: Mapping[str, Any]) -> None:
    """Tell whoever pressed the button what came of it; that it could not be told changes nothing."""
    body = json.dumps(answer).encode()
    request = http.Request(url, body, {"Content-Type": "application/json"}, secrets=(url,))
    try:
        http.post(request, _ANSWER_WITHIN)
    except ChannelError as error:
        log.warning("slack_not_answered", error=str(error))


def _carry_out(parts: Parts, pressed: Interaction) -> str:
    """Do what the button says; what came of it, in words for whoever pressed it."""
    now, incident_id = parts.clock.now(), pressed.subject_id
    who: dict[str, Any] = {"actor": f"slack:{pressed.user_name}", "origin": f"slack {pressed.user_id}", "now": now}
    try:
        match pressed.action:
            case Action.ACKNOWLEDGE:
                parts.answering.acknowledge(incident_id, **who)
                return "You have it in hand: nobody is told of it again until something is new."
            case Action.SILENCE:
                until = now + SLACK_SILENCES_FOR
                silence = parts.silencing.silence_incident(incident_id, until=until, **who)
                return f"Silenced until {absolute(silence.ends_at)}."
            case Action.RESOLVE:
                parts.answering.resolve(incident_id, **who)
                return "Resolved: whoever was told of it is told so."
            case Action.ESCALATE:
                escalated = parts.commanding.escalate(incident_id, Act(who["actor"], who["origin"], now))
                return f"Escalated: {_told(escalated)}."
            case Action.APPROVE | Action.DENY:
                return _vote_by_button(parts, pressed, now)
    except (Conflict, NotFound) as error:
        return str(error)


def _vote_by_button(parts: Parts, pressed: Interaction, now: datetime) -> str:
    """A vote is a person's: of whoever has this user as a contact. A name in Slack is what its user likes it to be."""
    person = parts.reporting.who_has(pressed.user_id, "slack", str)
    if person is None:
        return (
            f"Your vote does not count: {pressed.user_id} is nobody's contact. Have it written as one of yours "
            "(contacts, over a channel of kind slack), or answer with `healthmgr approvals`."
        )
    act = Act(person, f"slack {pressed.user_id}", now)
    return vote(parts, pressed.subject_id, act, is_for=pressed.action is Action.APPROVE)


# ---- Twilio ----------------------------------------------------------------------------------------


def _from_twilio(request: Request, parts: PartsDep, body: Body) -> dict[str, str]:
    """The fields of a form that Twilio has signed; answers 401 for any other."""
    fields, signature = _fields(body), request.headers.get(SIGNATURE_HEADER, "")
    local = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    # Twilio signs the address that it was given; behind a proxy that is not the one that arrives here.
    addresses = (f"{parts.settings.public_url.rstrip('/')}{local}", str(request.url))
    is_signed = partial(validate_signature, params=fields, signature=signature)
    tokens = parts.reporting.secrets("sms", "auth_token")
    if not any(is_signed(token, address) for token in tokens for address in addresses):
        raise HTTPException(401, "This was not signed by Twilio with the auth_token of a channel of kind sms")
    return dict(fields)


Twilio = Annotated[dict[str, str], Depends(_from_twilio)]


@router.post("/twilio/status", status_code=204)
def report_delivery(
    parts: PartsDep,
    fields: Twilio,
    notification: Annotated[UUID | None, Query(description="Where callback_url has {notification_id}.")] = None,
) -> None:
    """What became of a text message; one that is lost is told another way."""
    try:
        delivery = parse_delivery(fields)
    except ValueError as error:
        raise HTTPException(400, str(error)) from None
    report = Report(
        provider_id=delivery.sid,
        words=str(delivery),
        is_failure=delivery.is_failure,
        supersedes=partial(is_news, delivery),
        notification_id=notification,
    )
    parts.reporting.report(report, parts.clock.now())


@router.post("/twilio/reply")
def answer_text_message(parts: PartsDep, fields: Twilio) -> Response:
    """A text message from somebody: an answer, if it is from the number of one of the recipients."""
    number = fields.get("From", "")
    recipient = parts.reporting.who_has(number, "sms", phone_number)
    if recipient is None:
        log.warning("reply_from_stranger", ending=number[-3:])
        return _twiml("")
    return _twiml(_act_on_reply(parts, recipient, number, fields.get("Body", "")))


def _act_on_reply(parts: Parts, recipient: str, number: str, said: str) -> str:
    wanted = _REPLY.fullmatch(said)
    if wanted is None:
        return _HELP
    verb, incident = wanted[1].lower(), int(wanted[2])
    who: dict[str, Any] = {"actor": recipient, "origin": f"sms {number}", "now": parts.clock.now()}
    if verb in ("approve", "deny"):
        return _vote_by_reply(parts, incident, Act(**who), is_for=verb == "approve")
    try:
        incident_id = parts.reading.incident_id(incident)
        if verb in ("decline", "esc", "escalate"):
            return _pass_on(parts, incident_id, incident, Act(**who), declines=verb == "decline")
        if verb == "resolve":
            parts.answering.resolve(incident_id, **who)
            return f"Incident {incident} is resolved. Whoever was told of it is told so."
        parts.answering.acknowledge(incident_id, **who)
    except NotFound:
        return f"There is no incident {incident}."
    except Conflict as error:
        return str(error)
    return f"You have incident {incident} in hand. Nobody is told of it again until something is new."


def _vote_by_reply(parts: Parts, number: int, act: Act, *, is_for: bool) -> str:
    approval = parts.recovery.reading.approval(str(number))
    if approval is None:
        return f"There is no approval {number}."
    try:
        return vote(parts, approval.id, act, is_for=is_for)
    except Conflict as error:
        return str(error)


def _pass_on(parts: Parts, incident_id: UUID, number: int, act: Act, *, declines: bool) -> str:
    """Somebody cannot take it, or wants the next level told; what came of it."""
    commanding = parts.commanding
    done = commanding.decline(incident_id, act) if declines else commanding.escalate(incident_id, act)
    match done.after:
        case AfterDecline.OTHERS_ASKED:
            return f"Noted. Others of your level may still answer incident {number}."
        case AfterDecline.NOT_ASKED:
            return f"Noted. The present level of incident {number} had not asked you."
        case AfterDecline.IN_HAND:
            return f"Noted. Somebody else has incident {number} in hand."
        case AfterDecline.NEXT_LEVEL | None:
            return f"Incident {number} goes on: {_told(done)}."


def _told(escalated: Escalated) -> str:
    people = list(dict.fromkeys(target.recipient for target in escalated.targets))
    return f"{listing(people, _MOST_NAMED)} {'is' if len(people) == 1 else 'are'} told" if people else "nobody is told"


def _twiml(text: str) -> Response:
    """An answer as Twilio takes it; none at all for an empty text."""
    message = f"<Message>{escape(text)}</Message>" if text else ""
    document = f'<?xml version="1.0" encoding="UTF-8"?><Response>{message}</Response>'
    return Response(document, media_type="text/xml")
