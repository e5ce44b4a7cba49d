"""Dialogs that ask for what an action needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nicegui import ui

from healthmgr.dashboard.templates import render


@dataclass(frozen=True, slots=True)
class Field:
    """Something to be filled in: text, long text, or one of `options` (value to words)."""

    name: str
    label: str
    value: str = ""
    is_long: bool = False
    is_required: bool = False
    options: Mapping[str, str] = field(default_factory=dict)
    hint: str = ""


async def ask(
    title: str, fields: Sequence[Field], verb: str, *, said: str = "", is_grave: bool = False
) -> dict[str, str] | None:
    """What was filled in, by name; None where it was called off. `verb` is the word on the button."""
    inputs: dict[str, Any] = {}
    with ui.dialog() as dialog, ui.card().classes("dialog"):
        ui.html(render("dialog_title", title=title), sanitize=False)
        if said:
            ui.label(said).classes("soft")
        for one in fields:
            inputs[one.name] = _input(one)
        with ui.row().classes("dialog-acts"):
            ui.button("Cancel", on_click=lambda: dialog.submit(None)).props("flat no-caps")
            send = ui.button(verb, on_click=lambda: _submit(dialog, fields, inputs)).props("unelevated no-caps")
            send.props('color="negative"' if is_grave else 'color="primary"')
    answer: dict[str, str] | None = await dialog
    dialog.delete()
    return answer


def _submit(dialog: ui.dialog, fields: Sequence[Field], inputs: Mapping[str, Any]) -> None:
    missing = [one.name for one in fields if one.is_required and not str(inputs[one.name].value or "").strip()]
    for name in missing:
        inputs[name].props('error error-message="This is needed"')
    if not missing:
        dialog.submit({name: str(found.value or "").strip() for name, found in inputs.items()})


def _input(one: Field) -> Any:
    if one.options:
        return ui.select(dict(one.options), label=one.label, value=one.value or next(iter(one.options))).classes(
            "wide-input"
        )
    made = ui.textarea(one.label, value=one.value) if one.is_long else ui.input(one.label, value=one.value)
    if one.hint:
        made.props(f'hint="{one.hint}"')
    return made.classes("wide-input").props("maxlength=2000")
