"""One call of Slack's Web API, which says most of what goes wrong with status 200 and `"ok": false`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from healthmgr import __version__
from healthmgr.channels.http import Answer, Request, post
from healthmgr.channels.text import one_line, without
from healthmgr.errors import ChannelError

# A posted message is repeated whole in the answer.
_MOST_READ = 1_000_000
# Slack's own trouble, of which it says that the call may have succeeded in part ...
_AMBIGUOUS = frozenset({"internal_error", "fatal_error"})
# ... and what passes by itself, before anything was done.
_PASSING = frozenset(
    {"ratelimited", "rate_limited", "message_limit_exceeded", "request_timeout", "service_unavailable",
     "team_added_to_org", "org_login_required", "update_failed"}
)  # fmt: skip
_ADVICE: Mapping[str, str] = {
    "account_inactive": "the bot's app was uninstalled, or its workspace is gone; install it again",
    "channel_not_found": "the bot sees no such channel: correct `channel`, and invite the bot to a private one",
    "ekm_access_denied": "an administrator of the workspace has withheld access",
    "invalid_auth": "the token is not valid; copy `Bot User OAuth Token` from the app's page again",
    "is_archived": "the channel is archived; choose another",
    "missing_scope": "give the app that scope and install it again",
    "not_allowed_token_type": "this is no bot's token: it begins with xoxb-",
    "not_authed": "Slack got no token",
    "not_in_channel": "invite the bot to the channel: /invite @its-name",
    "org_login_required": "the workspace is being moved; it goes on by itself",
    "restricted_action": "a rule of the workspace forbids the bot to post there",
    "token_expired": "the token has expired; switch token rotation off for the app, or give a new one",
    "token_revoked": "the token was revoked; install the app again and copy its new token",
    "user_not_found": "there is no such user; correct the recipient's contact",
}


class Refused(ChannelError):
    """Slack answered `"ok": false`; `code` is its word for why."""

    def __init__(self, code: str, message: str, answer: Answer) -> None:
        self.code = code
        is_temporary = code in _PASSING or code in _AMBIGUOUS
        super().__init__(
            message,
            permanent=not is_temporary,
            retry_after=answer.retry_after if is_temporary else None,
            is_ambiguous=code in _AMBIGUOUS,
        )


class Api:
    """Slack's Web API as one bot sees it."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._token = token

    def call(self, method: str, document: Mapping[str, Any], timeout: timedelta) -> Mapping[str, Any]:
        """What Slack answers with `"ok": true`; raises Refused for false, and ChannelError for everything else."""
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": f"healthmgr/{__version__}",
        }
        body = json.dumps(document).encode()
        request = Request(f"{self._url}/{method}", body, headers, secrets=(self._token,), most_read=_MOST_READ)
        answer = post(request, timeout)
        said = self._document(request, answer)
        if said.get("ok") is True:
            return said
        code = one_line(without(str(said.get("error") or "no reason given"), [self._token]), 100)
        needed = f" (needs {one_line(str(said['needed']), 100)})" if said.get("needed") else ""
        advice = f": {_ADVICE[code]}" if code in _ADVICE else ""
        raise Refused(code, f"{request.place} refused {method}: {code}{needed}{advice}", answer)

    def _document(self, request: Request, answer: Answer) -> Mapping[str, Any]:
        try:
            said = json.loads(answer.body)
        except (ValueError, RecursionError):
            said = None
        if isinstance(said, Mapping):
            return said
        if answer.body.lstrip().startswith(b"{"):
            raise ChannelError(f"{request.place}: the reply broke off, and does not say whether it was accepted",
                               is_ambiguous=True)  # fmt: skip
        raise ChannelError(
            f"{request.place} did not answer as Slack's API does, but {answer}: see that `api_url` is right",
            permanent=True,
        )
