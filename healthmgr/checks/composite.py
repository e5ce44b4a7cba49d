"""Composite: one check out of several others, of which all, any or so many have to be up. Opens nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from healthmgr.domain.check import Status
from healthmgr.domain.composition import Need, Treatment, compose
from healthmgr.domain.result import Outcome
from healthmgr.errors import ProbeError
from healthmgr.ports import ProbeContext


def _checked_need(value: Any) -> Any:
    if isinstance(value, str | int):
        Need.parse(value)
    return value


class CompositeConfig(BaseModel):
    """Which checks, and how many of them have to be up."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    of: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        min_length=1, max_length=1000, description="The checks that it is made of, by their names in the definitions"
    )
    need: Annotated[str | int, BeforeValidator(_checked_need)] = Field(
        "all", description="How many have to be up: all, any, a number such as 2, or a share such as '60%', rounded up"
    )
    degraded_counts_as: Literal["healthy", "degraded", "unhealthy"] = Field(
        "degraded",
        description="What a degraded member counts as; degraded is up, and the whole degraded if it is needed",
    )
    unknown_counts_as: Literal["healthy", "unknown", "unhealthy"] = Field(
        "unknown", description="What a member counts as of which nothing can be told, or that is paused or disabled"
    )

    @model_validator(mode="after")
    def _must_be_possible(self) -> CompositeConfig:
        repeated = {slug for slug in self.of if self.of.count(slug) > 1}
        if repeated:
            raise ValueError(f"of names {', '.join(sorted(repeated))} more than once")
        needed = Need.parse(self.need).of(len(self.of))
        if needed > len(self.of):
            raise ValueError(f"need asks for {needed} of only {len(self.of)} checks")
        return self


class CompositeCheck:
    """Judges what is believed of other checks."""

    kind: ClassVar[str] = "composite"
    Config: ClassVar[type[BaseModel]] = CompositeConfig
    uses_network: ClassVar[bool] = False

    async def probe(self, config: CompositeConfig, context: ProbeContext) -> Outcome:
        """Members count with their hard status: what one bad result says of them is not believed yet."""
        members = {slug: _believed(context.view.get(slug)) for slug in config.of}
        treatment = Treatment(Status(config.degraded_counts_as), Status(config.unknown_counts_as))
        composed = compose(members, Need.parse(config.need), treatment)
        up = composed.counts[Status.HEALTHY] + composed.counts[Status.DEGRADED]
        metrics = {f"members_{status.value}": float(count) for status, count in composed.counts.items()}
        return Outcome(
            composed.status,
            composed.reason,
            response_time=0.0,
            metrics={"members": float(len(members)), "up": 100.0 * up / len(members), **metrics},
            # Where all are believed, asking again tells nothing new; who has not been probed yet soon will be.
            is_conclusive=all(_is_known(context.view.get(slug)) for slug in config.of),
        )


def _is_known(member: Any) -> bool:
    return isinstance(member, Mapping) and member.get("since") is not None


def _believed(member: Any) -> Status:
    """The hard status of a member; unknown where it is not watched, or was never probed."""
    if not _is_known(member) or not member.get("is_watched", True):
        return Status.UNKNOWN
    try:
        status = member["status"] if member["is_hard"] else member.get("hard_status", Status.UNKNOWN)
        return Status(status)
    except (KeyError, ValueError) as error:
        raise ProbeError(f"what is believed of a member cannot be read: {error!r}") from error
