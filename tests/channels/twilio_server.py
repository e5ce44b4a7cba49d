"""A Twilio of our own on loopback: strict about the published rules of its Messages resource, and of many tempers."""

from __future__ import annotations

import base64
import json
import re
import socket
import struct
import threading
from collections import deque
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

SID, TOKEN = "AC" + "0123456789abcdef" * 2, "hidden-hidden"
PATH = f"/2010-04-01/Accounts/{SID}/Messages.json"
_NUMBER = re.compile(r"\+[1-9]\d{6,14}")
_KNOWN = {"To", "From", "MessagingServiceSid", "Body", "StatusCallback", "ValidityPeriod", "MediaUrl", "ContentSid"}


class TwilioServer:
    """Keeps what it takes, newest first. `tempers` says how the next requests are treated, one for each.

    A temper is an answer (status, document, headers) instead of Twilio's own, or "reset", "hang" (before it is
    taken), "lose" (taken, but never answered) or "break" (taken, and the answer broken off).
    """

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.forms: list[dict[str, str]] = []
        self.queries: list[dict[str, list[str]]] = []
        self.tempers: deque[Any] = deque()
        self.clock = lambda: datetime.now(UTC)
        self.is_over = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> TwilioServer:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.is_over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)
        assert not self._thread.is_alive()

    def create(self, form: dict[str, list[str]]) -> tuple[int, dict[str, Any]]:
        """What Twilio answers to this form."""
        if fault := fault_of(form):
            code, message = fault
            more_info = f"https://www.twilio.com/docs/errors/{code}"
            return 400, {"code": code, "message": message, "more_info": more_info, "status": 400}
        plain = {name: values[0] for name, values in form.items()}
        self.forms.append(plain)
        made_at = format_datetime(self.clock())
        message = {
            "sid": f"SM{len(self.messages):032x}", "status": "queued", "to": plain["To"], "from": plain.get("From"),
            "body": plain["Body"], "direction": "outbound-api", "date_created": made_at, "date_sent": None,
            "num_segments": "2", "error_code": None, "error_message": None, "account_sid": SID,
        }  # fmt: skip
        self.messages.insert(0, message)
        return 201, message


def fault_of(form: dict[str, list[str]]) -> tuple[int, str] | None:
    """The code and words for the first published rule that the form breaks; None where it keeps them all."""
    body, to = form.get("Body", [""])[0], form.get("To", [""])[0]
    callback = urlsplit(form.get("StatusCallback", ["https://x"])[0])
    rules = (
        (any(len(values) != 1 for values in form.values()), 20001, "a parameter occurs twice"),
        (bool(set(form) - _KNOWN), 20001, f"unknown parameters {set(form) - _KNOWN}"),
        (not to, 21604, "A 'To' phone number is required."),
        (not _NUMBER.fullmatch(to), 21211, f"The 'To' number {to} is not a valid phone number."),
        (not form.keys() & {"From", "MessagingServiceSid"}, 21603, "A 'From' phone number is required."),
        (form.keys() >= {"From", "MessagingServiceSid"}, 20001, "From and MessagingServiceSid exclude each other"),
        (not body, 21602, "Message body is required."),
        (len(body) > 1600, 21617, "The concatenated message body exceeds the 1600 character limit."),
        (not callback.hostname or callback.scheme not in ("http", "https"), 21609, "Invalid 'StatusCallback' URL"),
    )
    return next(((code, words) for is_broken, code, words in rules if is_broken), None)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, twilio: TwilioServer, *arguments: Any) -> None:
        self._twilio = twilio
        super().__init__(*arguments)

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        temper = self._temper()
        if temper == "done" or not self._may_enter():
            return
        assert self.headers["Content-Type"] == "application/x-www-form-urlencoded"
        status, document = self._twilio.create(parse_qs(raw.decode("ascii"), strict_parsing=True, errors="strict"))
        if temper == "lose":
            self._twilio.is_over.wait(10)
        else:
            self._answer(status, document, is_broken=temper == "break")

    def do_GET(self) -> None:
        if self._temper() == "done" or not self._may_enter():
            return
        query = parse_qs(urlsplit(self.path).query, strict_parsing=True)
        self._twilio.queries.append(query)
        found = [message for message in self._twilio.messages if message["to"] == query["To"][0]]
        self._answer(200, {"messages": found[: int(query["PageSize"][0])], "page": 0})

    def _temper(self) -> str:
        """How this request is treated: "done" when that is all of it."""
        temper = self._twilio.tempers.popleft() if self._twilio.tempers else ""
        if isinstance(temper, tuple):
            self._answer(*temper)
        elif temper == "reset":
            # Zero seconds to linger: closing resets the connection.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        elif temper == "hang":
            self._twilio.is_over.wait(10)
        else:
            return temper
        self.close_connection = True
        return "done"

    def _may_enter(self) -> bool:
        expected = "Basic " + base64.b64encode(f"{SID}:{TOKEN}".encode()).decode()
        if urlsplit(self.path).path != PATH:
            self._answer(404, {"code": 20404, "message": "The requested resource was not found", "status": 404})
        elif self.headers["Authorization"] != expected:
            self._answer(401, {"code": 20003, "message": f"Authenticate {self.headers['Authorization']}"})
        else:
            return True
        return False

    def _answer(
        self, status: int, document: Any, headers: dict[str, str] | None = None, is_broken: bool = False
    ) -> None:
        body = document.encode() if isinstance(document, str) else json.dumps(document).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[:10] if is_broken else body)
        self.close_connection = is_broken

    def log_message(self, *_: Any) -> None:
        """Nothing: what arrived is kept."""
