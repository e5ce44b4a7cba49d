"""What the configurations of all channels share."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ChannelConfig(BaseModel):
    """Refuses unknown fields, cannot be changed, and keeps a wrong input (it may be a secret) out of its errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, hide_input_in_errors=True)


class TemplatedConfig(ChannelConfig):
    """A channel whose messages may be worded by the installation's own templates (see `rendering_templates`)."""

    templates: str = Field(
        "", description="a folder of own templates; what it lacks, or what fails, is told in the built-in form"
    )


def holds_reference(text: str) -> bool:
    """Whether a `${VAR}` still stands in the text: it is resolved, and judged, in the process that sends."""
    return "${" in text
