"""What is about who is on call, put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Engine

from healthmgr.fetching import fetch_calendar
from healthmgr.services.admitting import Admitting
from healthmgr.services.feeding import Feeding
from healthmgr.services.foreseeing import Foreseeing
from healthmgr.services.previewing import Previewing
from healthmgr.services.rostering import Rostering
from healthmgr.services.subscribing import Subscribing
from healthmgr.services.verifying import Verifying
from healthmgr.storage.contact_rows import ContactRows
from healthmgr.storage.feeding_rows import FeedingRows
from healthmgr.storage.reading_oncall import OncallReading
from healthmgr.storage.reading_people import PeopleReading
from healthmgr.storage.rostering_rows import ForeseeingRows, RosteringRows
from healthmgr.storage.subscribing_rows import SubscribingRows
from healthmgr.storage.transactions import Transactions


@dataclass(frozen=True, slots=True)
class Oncall:
    """The use cases of who is on call."""

    reading: OncallReading
    people: PeopleReading
    rostering: Rostering
    feeding: Feeding
    foreseeing: Foreseeing
    verifying: Verifying
    subscribing: Subscribing


def build_oncall(
    engine: Engine, secret_key: str, environ: Mapping[str, str], admitting: Admitting, previewing: Previewing
) -> Oncall:
    """The parts over one database; `environ` is what the addresses of calendars may refer to."""
    return Oncall(
        reading=OncallReading(engine),
        people=PeopleReading(engine),
        rostering=Rostering(Transactions(engine, RosteringRows)),
        feeding=Feeding(Transactions(engine, FeedingRows), fetch_calendar, environ),
        foreseeing=Foreseeing(Transactions(engine, ForeseeingRows), admitting),
        verifying=Verifying(Transactions(engine, ContactRows), previewing, secret_key),
        subscribing=Subscribing(Transactions(engine, SubscribingRows), secret_key),
    )
