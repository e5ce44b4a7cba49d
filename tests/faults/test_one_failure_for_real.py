"""The main job with nothing played: real processes, a real mail server, a real signed webhook."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.faults.installation import definitions, installed
from tests.faults.outside import eventually, outside_world

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]


def test_a_break_is_mailed_and_posted_within_thirty_seconds_its_end_too_and_nothing_else(tmp_path: Path) -> None:
    with outside_world() as outside:
        # The timing that a critical check has when its definition says nothing.
        timing = {"interval": "10s", "timeout": "3s", "retry_interval": "3s", "max_attempts": 3}
        document = definitions(outside, ["api", "bystander"], **timing)
        with installed(tmp_path, outside, document) as installation:
            healthy = "SELECT 1 FROM check_states WHERE status = 'healthy'"
            eventually(lambda: len(installation.rows(healthy)) == 2, 30, "both checks are found healthy")
            broke_at = time.monotonic()
            outside.broken.add("api")
            eventually(lambda: bool(outside.mails) and bool(outside.hooks), 30, "mail and webhook about the break")
            assert time.monotonic() - broke_at < 30
            assert outside.subjects() == ["[healthmgr] Critical: Api is unhealthy (#1)"]
            text = outside.mails[0].get_body(("plain",)).get_content()
            assert "503" in text
            assert "healthmgr alerts ack api" in text
            outside.broken.clear()
            eventually(lambda: len(outside.mails) == 2 and len(outside.hooks) == 2, 30, "the resolution")
            assert outside.subjects()[1] == "[healthmgr] Resolved: Api (#1)"
            assert outside.mails[1]["References"] == outside.mails[0]["Message-ID"]
            assert set(outside.hooks_of("problem")) == set(outside.hooks_of("resolution")) == {"api"}
            probed = "SELECT count(*) FROM results"
            seen = installation.rows(probed)[0][0]
            eventually(lambda: installation.rows(probed)[0][0] >= seen + 4, 60, "two more rounds of probes")
            assert len(outside.mails) == len(outside.hooks) == 2, "nothing else was told"
