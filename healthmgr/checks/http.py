"""HTTP: one request over a fresh connection, judged by its status and, if asked, its body.

Metrics: `status_code`, `body_bytes` (read, decompressed), `redirects` (followed, if any). With `timing`, and for
https without being asked, the phases in seconds, each where it took place: `dns_time` (the name looked up),
`connect_time` (TCP, and the way through a proxy), `tls_time` (the handshake), `first_byte_time` (from the
connection until the answer began) and `total_time`; over redirects the first three add up. Then also
`certificate_days_left` of a certificate that was verified.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import ClassVar

import aiohttp
from pydantic import BaseModel

from healthmgr.checks.http_config import HttpConfig, Plan
from healthmgr.checks.http_exchange import Answer, exchange
from healthmgr.checks.http_judging import judge
from healthmgr.checks.http_timing import Sessions, Timeline, client
from healthmgr.checks.http_tls import Contexts
from healthmgr.checks.http_words import explain_client, without
from healthmgr.checks.network import place_of
from healthmgr.domain.check import Status
from healthmgr.domain.quantity import format_duration
from healthmgr.domain.result import Outcome
from healthmgr.ports import ProbeContext

__all__ = ["HttpCheck", "HttpConfig"]

_HEADERS = {"User-Agent": "healthmgr", "Accept-Encoding": "identity"}


class HttpCheck:
    """Asks a web server."""

    kind: ClassVar[str] = "http"
    Config: ClassVar[type[BaseModel]] = HttpConfig
    uses_network: ClassVar[bool] = True

    def __init__(self) -> None:
        self._contexts = Contexts()
        self._sessions = Sessions()

    async def probe(self, config: HttpConfig, context: ProbeContext) -> Outcome:
        """Send one request and judge the answer; a refused, broken or too slow connection is unhealthy.

        Raises ProbeError where this machine itself is at fault, such as by a certificate file that it lacks.
        """
        plan = config.plan
        if context.http is not None:
            # A plain check does without the events: many thousands of them share a worker.
            session = self._sessions.over(context.http, is_reporting=plan.is_timed)
            outcome = await self._ask(session, config, plan, context)
        else:
            connector = aiohttp.TCPConnector(force_close=True)
            async with client(connector, _HEADERS, is_reporting=plan.is_timed) as own:
                outcome = await self._ask(own, config, plan, context)
        if not plan.secrets:
            return outcome
        return replace(outcome, message=without(outcome.message, plan.secrets))

    async def _ask(
        self, session: aiohttp.ClientSession, config: HttpConfig, plan: Plan, context: ProbeContext
    ) -> Outcome:
        timeline, url = Timeline(), plan.url
        seconds = context.timeout.total_seconds()
        try:
            # A timed one ends a little before the deadline that the engine enforces, to tell how far it came.
            asked = exchange(session, config, plan, self._contexts, timeline, context.now)
            if plan.is_timed:
                async with asyncio.timeout(seconds - min(0.05, seconds / 10)):
                    answer = await asked
            else:
                answer = await asked
        except TimeoutError as error:
            if isinstance(error, aiohttp.ClientError):
                return _down(explain_client(error, url), timeline)
            how_far = timeline.stage(place_of(url.host or "", url.port))
            return _down(f"timed out after {format_duration(context.timeout)}: {how_far}", timeline)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return _down(explain_client(error, url), timeline)
        took = time.perf_counter() - timeline.began_at
        facts = _facts(answer, timeline, took) if plan.is_timed or answer.redirects else {}
        return await judge(config, plan, answer, facts, took, max(0.1, 0.9 * seconds - took))


def _down(message: str, timeline: Timeline) -> Outcome:
    """Unhealthy, with the phases that were gone through."""
    return Outcome(Status.UNHEALTHY, message, metrics=timeline.rounded())


def _facts(answer: Answer, timeline: Timeline, took: float) -> dict[str, float]:
    facts = timeline.rounded()
    if facts:
        facts["total_time"] = round(took, 6)
    if answer.redirects:
        facts["redirects"] = float(answer.redirects)
    if answer.certificate_days_left is not None:
        facts["certificate_days_left"] = answer.certificate_days_left
    return facts
