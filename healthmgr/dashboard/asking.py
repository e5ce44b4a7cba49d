"""Dialogs that ask for what an action needs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nicegui import ui

from healthmgr.dashboard.pieces import Pieces
from healthmgr.dashboard.templates import render

Look = Callable[[Mapping[str, str]], Awaitable[str]]  # the HTML that shows what the fields come to


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
    title: str,
    fields: Sequence[Field],
    verb: str,
    *,
    said: str = "",
    is_grave: bool = False,
    look: Look | None = None,
) -> dict[str, str] | None:
    """What was filled in, by name; None where it was called off. `verb` is the word on the button.

    `look` shows below the fields what they come to, as they are filled in.
    """
    inputs: dict[str, Any] = {}
    with ui.dialog() as dialog, ui.card().classes("dialog"):
        dialog.props["aria-label"] = title
        ui.html(render("dialog_title", title=title), sanitize=False)
        if said:
            ui.label(said).classes("soft")
        for one in fields:
            inputs[one.name] = _input(one)
        if look is not None:
            _keep_looking(look, inputs)
        with ui.row().classes("dialog-acts"):
            ui.button("Cancel", on_click=lambda: dialog.submit(None)).props("flat no-caps")
            send = ui.button(verb, on_click=lambda: _submit(dialog, fields, inputs)).props("unelevated no-caps")
            send.props('color="negative"' if is_grave else 'color="primary"')
    dialog.on("hide", dialog.delete)  # and no sooner: as it goes, it gives the focus back
    answer: dict[str, str] | None = await dialog
    return answer


def _submit(dialog: ui.dialog, fields: Sequence[Field], inputs: Mapping[str, Any]) -> None:
    missing = [one.name for one in fields if one.is_required and not str(inputs[one.name].value or "").strip()]
    for name in missing:
        inputs[name].props('error error-message="This is needed"')
    if not missing:
        dialog.submit(_filled(inputs))


def _filled(inputs: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(found.value or "").strip() for name, found in inputs.items()}


def _keep_looking(look: Look, inputs: Mapping[str, Any]) -> None:
    shown = Pieces()

    async def show() -> None:
        shown.show([("look", await look(_filled(inputs)))])

    for one in inputs.values():
        one.on_value_change(show)
    ui.timer(0, show, once=True)


def _input(one: Field) -> Any:
    if one.options:
        return ui.select(dict(one.options), label=one.label, value=one.value or next(iter(one.options))).classes(
            "wide-input"
        )
    made = ui.textarea(one.label, value=one.value) if one.is_long else ui.input(one.label, value=one.value)
    if one.hint:
        made.props(f'hint="{one.hint}"')
    return made.classes("wide-input").props("maxlength=2000 debounce=300")
