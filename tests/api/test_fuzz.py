"""Whatever the OpenAPI document allows, and what it does not: no answer that it does not announce, and none of 5xx.

HEALTHMGR_FUZZ_SECONDS says how long; `make fuzz` goes on for ten minutes.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode, checks
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from sqlalchemy import Engine

from tests.api.furnished import Furnished, furnished
from tests.serving import ServedApp

SECONDS = float(os.environ.get("HEALTHMGR_FUZZ_SECONDS", "15"))
SEED = int(os.environ.get("HEALTHMGR_FUZZ_SEED", "0")) or time.time_ns()
checks.load_all_checks()
HELD_TO = [
    *checks.CHECKS.get_by_names(
        [
            "status_code_conformance", "content_type_conformance", "response_headers_conformance",
            "response_schema_conformance",
        ]
    ),
]  # fmt: skip
HOLDING_BACK = ("idempotency-key", "if-match", "if-none-match")
# Which may say 503 here: nobody works, so that healthmgr is not well and nobody answers in time.
NOBODY_WORKS = ("/healthz", "/run-and-wait")


@pytest.fixture
def whole(engine: Engine, database_url: str, served: ServedApp, tmp_path: Path) -> Iterator[Furnished]:
    with furnished(engine, database_url, tmp_path, served) as made:
        yield made


@pytest.mark.timeout(SECONDS * 3 + 120)
def test_no_answer_is_other_than_the_document_says(whole: Furnished) -> None:
    schema = schemathesis.openapi.from_dict(dict(whole.document))
    schema.config.update(base_url=whole.url)
    operations = [each.ok() for each in schema.get_all_operations() if isinstance(each, Ok)]
    assert len(operations) > 100
    wrong: dict[str, str] = {}
    count = 0
    headers = {"Authorization": f"Bearer {whole.token('fuzzer', 'admin')}"}
    for operation in operations:
        count += _tried(whole, operation, headers, SECONDS / len(operations), wrong)
    assert not wrong, f"seed {SEED}, {count} requests\n" + "\n\n".join(wrong.values())
    assert count > len(operations)


def _tried(whole: Furnished, operation: Any, headers: Mapping[str, str], patience: float, wrong: dict[str, str]) -> int:
    """How many requests were made of an operation; what is wrong about its answers is noted, each fault once."""
    ends_at = time.monotonic() + patience
    modes = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
    strategies = [operation.as_strategy(generation_mode=mode) for mode in modes]
    count = 0
    for turn in range(1000):

        @seed(SEED + turn)
        @settings(
            max_examples=4, deadline=None, database=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=strategies[turn % 2], is_known=st.integers(0, 3))
        def try_some(case: Any, is_known: int) -> None:
            nonlocal count
            count += 1
            _try(whole, operation, case, headers, wrong, is_known=bool(is_known))

        with contextlib.suppress(Unsatisfiable):  # without parameters and body there is nothing to send wrongly
            try_some()
        if time.monotonic() > ends_at:
            break
    return count


def _try(
    whole: Furnished, operation: Any, case: Any, headers: Mapping[str, str], wrong: dict[str, str], *, is_known: bool
) -> None:
    if is_known and case.path_parameters:
        case.path_parameters = _known(whole, operation.path)
    if operation.path.endswith("/run-and-wait"):
        case.query = {**(case.query or {}), "timeout": 0.1}  # nobody works here
    if operation.path.endswith("/stream"):
        case.query = {**(case.query or {}), "lasts_for": 0.05}
    if is_known and case.headers:  # else most requests would come to nothing: a key of another, a row that has changed
        case.headers = {name: value for name, value in case.headers.items() if name.lower() not in HOLDING_BACK}
    answer = case.call(headers=dict(headers), timeout=20)
    if answer.status_code >= 500 and not operation.path.endswith(NOBODY_WORKS):
        wrong.setdefault(f"{operation.label} {answer.status_code}", f"{operation.label}: {case.as_curl_command()}")
    try:
        case.validate_response(answer, checks=HELD_TO)
    except FailureGroup as error:
        for fault in error.exceptions:
            wrong.setdefault(f"{operation.label} {type(fault)}", f"{operation.label}: {fault}"[:1500])


def _known(whole: Furnished, path: str) -> dict[str, str]:
    """What fills an address so that it is of something that there is."""
    pairs = zip(path.split("/"), whole.fill(path).split("/"), strict=False)
    return {pattern.strip("{}"): value for pattern, value in pairs if pattern.startswith("{")}
