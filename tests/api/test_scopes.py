"""The table of scopes against the addresses that there are, documented or not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from healthmgr.services.scopes import ADDRESSES, OF_EVERY_TOKEN, SCOPES, UNGRANTED, part_of, scope_for
from tests.serving import ServedApp

WITH_A_TOKEN = {"principal_of", "identify", "_by_key", "_by_query", "enqueue", "enqueue_change"}


@pytest.fixture
def guarded(served: ServedApp) -> list[tuple[str, str]]:
    """Method and address of every route that asks for a token, those of doors among them."""
    return sorted(_guarded(served.app))


def _guarded(app: Any) -> Iterator[tuple[str, str]]:
    for included in app.routes:
        for route in getattr(included, "effective_route_contexts", lambda: ())():
            asked = {getattr(call, "__name__", "") for call in _calls(route.dependant)}
            if asked & WITH_A_TOKEN:
                yield from ((method, route.path) for method in route.methods)


def _calls(dependant: Any) -> Iterator[Any]:
    yield dependant.call
    for below in dependant.dependencies:
        yield from _calls(below)


def test_every_address_that_asks_for_a_token_is_of_one_part(guarded: list[tuple[str, str]]) -> None:
    assert len(guarded) > 150
    unknown = {(method, path) for method, path in guarded if scope_for(method, path) not in SCOPES | UNGRANTED}
    assert {path for _, path in unknown} == {OF_EVERY_TOKEN}


def test_every_part_has_an_address_and_every_line_of_the_table_is_needed(guarded: list[tuple[str, str]]) -> None:
    prefixes = [prefix for group in ADDRESSES.values() for prefix in group]
    assert len(set(prefixes)) == len(prefixes)
    for prefix in prefixes:
        assert any(path == prefix or path.startswith(f"{prefix}/") for _, path in guarded), prefix


def test_what_no_scope_opens_is_what_could_give_more_than_is_held(guarded: list[tuple[str, str]]) -> None:
    closed = {f"{method} {path.split('/')[3]}" for method, path in guarded if scope_for(method, path) in UNGRANTED}
    assert closed == {"POST tokens", "DELETE tokens", "POST users", "PATCH users", "DELETE sessions"}


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("/api/v1/checks/shop/results", "checks"), ("/api/v1/checks", "checks"), ("/api/v1/checksum", None),
        ("/lb/web", "balancing"), ("/metrics/checks", "status"), ("/api/v2/alerts", "doors"), ("/", None), ("", None),
    ],
)  # fmt: skip
def test_an_address_is_told_word_by_word(path: str, part: str | None) -> None:
    assert part_of(path) == part
