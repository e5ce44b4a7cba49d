"""What people say along with an answer: a comment, and how long it holds."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from healthmgr.api.moments import Moment
from healthmgr.domain.quantity import parse_duration
from healthmgr.errors import DefinitionError, Problem

Words = Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")]


class Comment(BaseModel):
    """What a person wants to be remembered."""

    model_config = ConfigDict(extra="forbid")

    comment: Words = Field("", examples=["Restarted the pool, watching it."])


class Lasting(Comment):
    """The same for what has an end: after a length, or at a time; without either it has none."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    lasts_for: str | None = Field(None, alias="for", max_length=50, description="How long.", examples=["2h"])
    until: Moment | None = Field(None, description="Until when, in place of a length.")

    def end(self, now: datetime) -> datetime | None:
        """When it ends; None for never. Raises DefinitionError for a length that is none, and for two ends."""
        if self.lasts_for is None:
            return self.until
        if self.until is not None:
            raise DefinitionError([Problem("write for or until, not both", path="for")])
        try:
            return now + parse_duration(self.lasts_for)
        except (ValueError, OverflowError) as error:
            raise DefinitionError([Problem(str(error), path="for")]) from error
