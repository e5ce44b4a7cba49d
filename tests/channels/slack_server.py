"""Slack's Web API on loopback: it keeps messages as Slack does, and can be told to refuse."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

TOKEN = "xoxb-hidden-hidden-hidden"
_CHANNELS = {"#alerts": "C0123", "U777": "D0777", "C0123": "C0123", "D0777": "D0777"}


class SlackServer:
    """Channels `#alerts` (C0123) and the direct messages of U777 (D0777). `refusals` are answered first, in order."""

    def __init__(self, server: HTTPServer) -> None:
        self.url = server.url_for("/api")
        self.messages: dict[str, dict[str, Any]] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.refusals: dict[str, list[Response]] = {}
        for method, handler in (("chat.postMessage", self._post), ("chat.update", self._update)):
            server.expect_request(f"/api/{method}", method="POST").respond_with_handler(self._judged(method, handler))

    def refuse(self, method: str, error: str, status: int = 200, **headers: str) -> None:
        """Answer the next call of this method with `"ok": false`, or with another status."""
        body = json.dumps({"ok": False, "error": error})
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.refusals.setdefault(method, []).append(Response(body, status, headers=named))

    def answer(self, method: str, response: Response) -> None:
        """Answer the next call of this method so."""
        self.refusals.setdefault(method, []).append(response)

    def said(self, method: str) -> list[dict[str, Any]]:
        """What this method was called with, in order."""
        return [document for name, document in self.calls if name == method]

    def _judged(self, method: str, handler: Any) -> Any:
        def handle(request: Request) -> Response:
            assert request.headers["Content-Type"] == "application/json; charset=utf-8"
            document = json.loads(request.get_data())
            self.calls.append((method, document))
            if self.refusals.get(method):
                return self.refusals[method].pop(0)
            if request.headers.get("Authorization") != f"Bearer {TOKEN}":
                return _answer({"ok": False, "error": "invalid_auth"})
            return _answer(handler(document))

        return handle

    def _post(self, document: Mapping[str, Any]) -> dict[str, Any]:
        channel = _CHANNELS.get(document.get("channel", ""))
        if channel is None:
            return {"ok": False, "error": "channel_not_found"}
        if document.get("thread_ts") and f"{channel}:{document['thread_ts']}" not in self.messages:
            return {"ok": False, "error": "thread_not_found"}
        ts = f"1764000000.{len(self.messages):06}"
        self.messages[f"{channel}:{ts}"] = dict(document)
        # Slack repeats the message before it says what it is called: answers are long.
        return {"message": document, "padding": "x" * 20_000, "ok": True, "channel": channel, "ts": ts}

    def _update(self, document: Mapping[str, Any]) -> dict[str, Any]:
        name = f"{document.get('channel')}:{document.get('ts')}"
        if name not in self.messages:
            return {"ok": False, "error": "message_not_found"}
        self.messages[name] = {**self.messages[name], **document}
        return {"ok": True, "channel": document["channel"], "ts": document["ts"], "text": document["text"]}


def _answer(document: Mapping[str, Any]) -> Response:
    return Response(json.dumps(document), 200, content_type="application/json")
