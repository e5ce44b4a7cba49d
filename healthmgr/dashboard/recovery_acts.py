"""What people do about runbooks and their runs: each asks for what it needs, and calls the same use case as the API."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial

from nicegui import ui

from healthmgr.dashboard.asking import Field, ask
from healthmgr.dashboard.place import Place
from healthmgr.dashboard.shell import Action
from healthmgr.domain.approval import ApprovalState
from healthmgr.domain.run_state import RunState
from healthmgr.errors import NotFound
from healthmgr.services.commanding import Act
from healthmgr.services.restraining import switch_of, switch_words
from healthmgr.services.tokens import Role
from healthmgr.views_recovery import ApprovalView, RunCard

_COMMENT = Field("comment", "Comment", is_long=True)
_WHY = Field("comment", "Why", is_long=True, is_required=True)
_UNDOING = {"": "leave what was done as it is", "undo": "undo what was done, as its steps say"}


def recovery_acts(place: Place) -> dict[str, Action]:
    """What is done by the name on the button."""
    return {
        "approve": partial(_vote, place, is_for=True),
        "deny": partial(_vote, place, is_for=False),
        "cancel_run": partial(_cancel, place),
        "undo_run": partial(_undo, place),
        "throw": partial(_throw, place),
        "release": partial(_release, place),
        "close_breaker": partial(_close_breaker, place),
    }


def act_of(place: Place, comment: str = "") -> Act:
    """Who acts, from where, now."""
    return Act(**place.said(), comment=comment)


async def run_of(place: Place, identity: str) -> RunCard:
    """The run with this number or id, at most a tick old; raises NotFound."""
    reading = place.healthmgr.recovery.reading
    found = await place.live.ask(("run", identity), lambda: reading.run(identity))
    if found is None:
        raise NotFound(f"There is no run {identity!r}: name its number")
    return found


async def _vote(place: Place, data: Mapping[str, str], *, is_for: bool) -> None:
    place.demand(Role.RESPONDER)
    asked = await _approval(place, data["id"])
    title = f"Let run {asked.run_number} go on" if is_for else f"Stop run {asked.run_number}"
    given = await ask(title, [_COMMENT], "Approve" if is_for else "Deny", said=asked.question, is_grave=not is_for)
    if given is None:
        return
    deciding = place.healthmgr.recovery.deciding
    vote = deciding.approve if is_for else deciding.deny
    decided = await asyncio.to_thread(lambda: vote(asked.id, act_of(place, given["comment"])))
    said = {
        ApprovalState.GRANTED: f"Run {asked.run_number} goes on",
        ApprovalState.DENIED: f"Run {asked.run_number} does not go on: somebody is told that nothing was repaired",
    }.get(decided.state, f"{decided.votes} of {decided.needed} have agreed")
    ui.notify(said, type="positive", position="top")


async def _approval(place: Place, identity: str) -> ApprovalView:
    found = await asyncio.to_thread(lambda: place.healthmgr.recovery.reading.approval(identity))
    if found is None:
        raise NotFound(f"There is no approval {identity!r}")
    return found


async def _cancel(place: Place, data: Mapping[str, str]) -> None:
    place.demand(Role.RESPONDER)
    run = (await run_of(place, data["id"])).run
    fields = [Field("undo", "What was done", options=_UNDOING), _COMMENT]
    said = "A step that is under way is finished first."
    given = await ask(f"End run {run.number} of {run.runbook}", fields, "End it", said=said, is_grave=True)
    if given is None:
        return
    recovering, rolls_back = place.healthmgr.recovery.recovering, bool(given["undo"])
    state = await asyncio.to_thread(
        lambda: recovering.cancel(run.id, act_of(place, given["comment"]), rolls_back=rolls_back)
    )
    if state is RunState.ROLLING_BACK:
        words = f"Run {run.number} is undoing what it did"
    elif state.is_over:
        words = f"Run {run.number} is cancelled"
    else:
        words = f"Run {run.number} ends as soon as its step is over"
    ui.notify(words, type="positive", position="top")


async def _undo(place: Place, data: Mapping[str, str]) -> None:
    place.demand(Role.RESPONDER)
    card = await run_of(place, data["id"])
    said = f"These steps are taken: {', '.join(card.undoing)}."
    title = f"Undo what run {card.run.number} of {card.run.runbook} left behind"
    given = await ask(title, [_COMMENT], "Undo it", said=said, is_grave=True)
    if given is None:
        return
    undo = place.healthmgr.recovery.recovering.undo
    await asyncio.to_thread(lambda: undo(card.run.id, act_of(place, given["comment"])))
    ui.notify(f"Run {card.run.number} is undoing what it did", type="positive", position="top")


async def _throw(place: Place, data: Mapping[str, str]) -> None:
    place.demand(Role.RESPONDER)
    teams = [team for team in data.get("teams", "").split(",") if team]
    scopes = {"": "all recovery", **{switch_of(team): f"the runbooks of team {team}" for team in teams}}
    given = await ask(
        "Throw a kill switch",
        [Field("scope", "What is stopped", options=scopes), _WHY],
        "Stop it",
        said="No run starts from then on, and none goes on with a step that can do harm.",
        is_grave=True,
    )
    if given is None:
        return
    restraining = place.healthmgr.recovery.restraining
    await asyncio.to_thread(lambda: restraining.throw(given["scope"], act_of(place, given["comment"])))
    ui.notify(f"The kill switch {switch_words(given['scope'])} is thrown", type="warning", position="top")


async def _release(place: Place, data: Mapping[str, str]) -> None:
    place.demand(Role.RESPONDER)
    scope = data["scope"]
    said = "Runs may start again; what was stopped stays stopped."
    given = await ask(f"Release the kill switch {switch_words(scope)}", [_COMMENT], "Release it", said=said)
    if given is None:
        return
    restraining = place.healthmgr.recovery.restraining
    await asyncio.to_thread(lambda: restraining.release(scope, act_of(place, given["comment"])))
    ui.notify(f"The kill switch {switch_words(scope)} is released", type="positive", position="top")


async def _close_breaker(place: Place, data: Mapping[str, str]) -> None:
    place.demand(Role.RESPONDER)
    runbook = data["runbook"]
    said = "It may run again, its failures counted anew."
    given = await ask(f"Close the breaker of {runbook}", [_COMMENT], "Close it", said=said)
    if given is None:
        return
    restraining = place.healthmgr.recovery.restraining
    await asyncio.to_thread(lambda: restraining.close_breaker(runbook, act_of(place, given["comment"])))
    ui.notify(f"Runbook {runbook} may run again", type="positive", position="top")
