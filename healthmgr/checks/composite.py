"""Composite: one check out of several others, of which all, any or so many have to be up. Opens nothing.

Metrics: `members`, and of them `members_healthy`, `members_degraded`, `members_unhealthy` and `members_unknown`;
`up` is how many are, in percent of the members, or with `by` of the groups, whose number is `groups` then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from healthmgr.domain.check import Status
from healthmgr.domain.composition import Composed, Need, Treatment, compose, compose_groups
from healthmgr.domain.result import Outcome
from healthmgr.errors import ProbeError
from healthmgr.ports import ProbeContext


def _checked_need(value: Any) -> Any:
    if isinstance(value, str | int):
        Need.parse(value)
    return value


class CompositeConfig(BaseModel):
    """Which checks, and how many of them, or of the places that they look from, have to be up."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    of: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        min_length=1, max_length=1000, description="The checks that it is made of, by their names in the definitions"
    )
    need: Annotated[str | int, BeforeValidator(_checked_need)] = Field(
        "all", description="How many have to be up: all, any, a number such as 2, or a share such as '60%', rounded up"
    )
    by: str | None = Field(
        None,
        min_length=1,
        description="A label of the members, such as location: those that bear the same value are one group, and "
        "`need` counts groups; a member without the label is a group by itself",
    )
    need_within: Annotated[str | int, BeforeValidator(_checked_need)] = Field(
        "all", description="With `by`: how many members of a group have to be up for the group to be; as in `need`"
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
        if self.by is None and self.need_within != "all":
            raise ValueError("need_within needs by: the label whose values are the groups")
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
        composed = _composed(config, context, members, treatment)
        up, counted = composed.counts[Status.HEALTHY] + composed.counts[Status.DEGRADED], sum(composed.counts.values())
        each = Counter(treatment.of(status) for status in members.values())
        return Outcome(
            composed.status,
            composed.reason,
            response_time=0.0,
            metrics={
                "members": float(len(members)),
                "up": 100.0 * up / counted,
                **{f"members_{status.value}": float(each[status]) for status in Status},
                **({} if config.by is None else {"groups": float(counted)}),
            },
            # Where all are believed, asking again tells nothing new; who has not been probed yet soon will be.
            is_conclusive=all(_is_known(context.view.get(slug)) for slug in config.of),
        )


def _composed(
    config: CompositeConfig, context: ProbeContext, members: Mapping[str, Status], treatment: Treatment
) -> Composed:
    need = Need.parse(config.need)
    if config.by is None:
        return compose(members, need, treatment)
    groups = {slug: _group(context.view.get(slug)) or f"{slug} without {config.by}" for slug in members}
    try:
        composed = compose_groups(members, groups, need, Need.parse(config.need_within), treatment)
    except ValueError as error:
        raise ProbeError(f"the labels {config.by} of the members do not allow it: {error}") from error
    return replace(composed, reason=f"by {config.by}, {composed.reason}")


def _group(member: Any) -> str:
    """The value of the label that groups are made by; empty for a member without it."""
    return str(member.get("group") or "") if isinstance(member, Mapping) else ""


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
