"""Which template a form of a message is laid out with: one of the installation's own, or the built-in one.

A folder of own templates may hold `subject.j2`, `message.txt.j2` and `message.html.j2`, and the same in a folder
named like a kind of channel (`email/message.html.j2`), which then wins for channels of that kind. They see `m`, the
message in words (`rendering_view.MessageView`), and `message`, the plain facts (`domain.message.Message`), and may
`{% extends "builtin/message.html.j2" %}` to replace a block of it.

An own template that fails loses no message: the built-in one takes its place, and the fault is told.
"""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from jinja2 import (
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PackageLoader,
    PrefixLoader,
    StrictUndefined,
    Template,
    TemplatesNotFound,
    TemplateSyntaxError,
    select_autoescape,
)
from jinja2.sandbox import ImmutableSandboxedEnvironment

from healthmgr.channels.rendering_view import MessageView
from healthmgr.channels.text import clean, one_line
from healthmgr.domain.message import Message

SUBJECT = "subject.j2"
TEXT = "message.txt.j2"
HTML = "message.html.j2"

_MOST_CHARACTERS = 400_000
_MARKUP = ("html.j2",)
_LONGEST = 2.0  # seconds for one form: a loop of loops must not hold up the channel


class OwnTemplateFailed(Exception):
    """An own template cannot be used; says which, where and why."""


@dataclass(frozen=True, slots=True)
class Templates:
    """The templates of a kind of channel. `folder` is "" where there are none but the built-in ones."""

    folder: str = ""
    kind: str = ""

    def own(self, form: str, view: MessageView, message: Message) -> str | None:
        """The form by the installation's own template; None where it has none.

        Raises OwnTemplateFailed when it has one that does not work, or names a folder that is not there.
        """
        if not self.folder:
            return None
        if not Path(self.folder).is_dir():
            raise OwnTemplateFailed(f"the folder of own templates, {self.folder}, is not there")
        wanted = [f"{self.kind}/{form}", form] if self.kind else [form]
        name = next((name for name in wanted if (Path(self.folder) / name).exists()), wanted[-1])
        try:
            template = _own_environment(self.folder).select_template(wanted)
            name = template.name or name
            laid_out = clean(_bounded(template, view, message), _MOST_CHARACTERS)
        except TemplatesNotFound:
            return None
        except Exception as error:
            raise OwnTemplateFailed(f"the own template {name}{_line(error)}: {_what(error)}") from error
        if not laid_out:
            raise OwnTemplateFailed(f"the own template {name}: it says nothing")
        return laid_out


def built_in(form: str, view: MessageView, message: Message) -> str:
    """The form by the built-in template."""
    return _built_in_environment().get_template(form).render(m=view, message=message)


def _bounded(template: Template, view: MessageView, message: Message) -> str:
    until, length, parts = time.monotonic() + _LONGEST, 0, list[str]()
    for part in template.generate(m=view, message=message):
        parts.append(part)
        length += len(part)
        if length > _MOST_CHARACTERS:
            raise ValueError(f"it makes more than {_MOST_CHARACTERS:,} characters")
        if time.monotonic() > until:
            raise ValueError(f"it takes longer than {_LONGEST:.0f} s")
    return "".join(parts)


def _what(error: Exception) -> str:
    text = one_line(str(error), 200) or type(error).__name__
    return text if isinstance(error, ValueError | TemplateSyntaxError) else f"{type(error).__name__}: {text}"


def _line(error: Exception) -> str:
    if isinstance(error, TemplateSyntaxError):
        return f", line {error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith(".j2")]
    return f", line {lines[-1]}" if lines else ""


@lru_cache(maxsize=16)
def _own_environment(folder: str) -> Environment:
    """Sandboxed: a template runs no programs and changes no facts. A changed file is read anew."""
    built_in_ones = PrefixLoader({"builtin": PackageLoader("healthmgr.channels")})
    return ImmutableSandboxedEnvironment(
        loader=ChoiceLoader([FileSystemLoader(folder), built_in_ones]),
        autoescape=select_autoescape(enabled_extensions=_MARKUP, default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@lru_cache(maxsize=1)
def _built_in_environment() -> Environment:
    return Environment(
        loader=PackageLoader("healthmgr.channels"),
        autoescape=select_autoescape(enabled_extensions=_MARKUP, default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
