"""A story for every test that asks for one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import Engine

from healthmgr.bootstrap import build
from healthmgr.settings import Settings
from tests.stories.harness import Story

StoryMaker = Callable[..., Story]


@pytest.fixture
def story_with(engine: Engine, database_url: str, tmp_path: Path) -> Iterator[StoryMaker]:
    """Makes a story on empty tables, in an installation with these parts of a settings file."""
    built = []

    def make(**settings: Any) -> Story:
        file = tmp_path / "settings.yaml"
        file.write_text(yaml.safe_dump(settings))
        variables = {"DATABASE_URL": database_url, "HEALTHMGR_DATA": str(tmp_path), "HEALTHMGR_SETTINGS": str(file)}
        built.append(build(Settings.load(variables), worker="story"))
        return Story(built[-1], engine, tmp_path)

    yield make
    for healthmgr in built:
        healthmgr.close()


@pytest.fixture
def story(story_with: StoryMaker) -> Story:
    """A story on empty tables."""
    return story_with()
