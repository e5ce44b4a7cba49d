"""One request of a step over HTTP, by the client that channels use: within its time, redirects not followed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from healthmgr.channels.http import Answer, Request, exchange
from healthmgr.errors import ChannelError, StepError

_TEMPORARY_REFUSALS = frozenset({408, 425, 429})
_GATEWAY_FAILURES = frozenset({502, 504})  # what stands behind the gateway may have done it all the same


def call(request: Request, timeout: timedelta) -> Answer:
    """Whatever the target answers. Raises StepError where it says nothing: a timeout where it had been asked."""
    authorities = request.verify_tls
    if isinstance(authorities, str) and not Path(authorities).is_file():
        raise StepError(f"ca_file {authorities} is not there on this worker", permanent=True)
    try:
        return exchange(request, timeout)
    except ChannelError as error:
        raise StepError(str(error), permanent=error.permanent, is_timeout=error.is_ambiguous) from None


def refusal(place: str, answer: Answer, output: str = "") -> StepError:
    """What an answer means that is none of those that were hoped for."""
    if 300 <= answer.status < 400:
        reason = "it points to another address, and redirects are not followed: name the final one"
        return StepError(f"{place} answered {answer.status}: {reason}", permanent=True, output=output)
    return StepError(
        f"{place} answered {answer}",
        permanent=answer.status < 500 and answer.status not in _TEMPORARY_REFUSALS,
        is_timeout=answer.status in _GATEWAY_FAILURES,
        output=output,
    )
