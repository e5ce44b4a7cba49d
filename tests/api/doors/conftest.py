"""The doors over real rows, their actions as well."""

from __future__ import annotations

from functools import partial

import pytest
from sqlalchemy import Engine

from healthmgr.registry import Registry
from healthmgr.services.admitting import Admitting
from healthmgr.services.responding import Responding
from healthmgr.services.silencing import Silencing
from healthmgr.storage.admitting_rows import AdmittingRows
from healthmgr.storage.reading_doors import DoorReading
from healthmgr.storage.responding_rows import RespondingRows
from healthmgr.storage.silencing_rows import SilencingRows
from healthmgr.storage.transactions import Transactions
from tests.serving import Container


class DoorContainer(Container):
    """What the doors are built on."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.admitting = Admitting(Transactions(self.engine, AdmittingRows))
        self.door_reading = DoorReading(self.engine)
        self.silencing = Silencing(Transactions(self.engine, SilencingRows))
        hearing = partial(Registry.load().channel_kinds_that, "tells_acknowledgements")
        self.responding = Responding(Transactions(self.engine, lambda rows: RespondingRows(rows, hearing)))


@pytest.fixture
def container(engine: Engine) -> Container:
    return DoorContainer(engine)
