"""The services on real rows, for tests that try to break the promises they make."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from healthmgr.bootstrap import Healthmgr, build
from healthmgr.settings import Settings


@pytest.fixture
def healthmgr(engine: Engine, database_url: str, tmp_path: Path) -> Iterator[Healthmgr]:
    """An installation on empty tables."""
    built = build(Settings.load({"DATABASE_URL": database_url, "HEALTHMGR_DATA": str(tmp_path)}), worker="test")
    yield built
    built.close()
