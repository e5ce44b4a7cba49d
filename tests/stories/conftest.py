"""A story for every test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from healthmgr.bootstrap import build
from healthmgr.settings import Settings
from tests.stories.harness import Story


@pytest.fixture
def story(engine: Engine, database_url: str, tmp_path: Path) -> Iterator[Story]:
    """A story on empty tables."""
    healthmgr = build(Settings.load({"DATABASE_URL": database_url, "HEALTHMGR_DATA": str(tmp_path)}), worker="story")
    yield Story(healthmgr, engine, tmp_path)
    healthmgr.close()
