"""Showing something that is never shown again."""

from __future__ import annotations

from nicegui import ui

from healthmgr.dashboard.templates import render


def show_once(title: str, secret: str) -> None:
    """A dialog with something that is never shown again."""
    with ui.dialog().props("persistent") as dialog, ui.card().classes("dialog"):
        dialog.props["aria-label"] = title
        ui.html(render("dialog_title", title=title), sanitize=False)
        ui.label("This is shown once: copy it now.").classes("soft")
        ui.input("Secret", value=secret).props("readonly outlined dense autofocus").classes("wide-input")
        with ui.row().classes("dialog-acts"):
            ui.button("Done", on_click=dialog.close).props("unelevated no-caps color=primary")
    dialog.on("hide", dialog.delete)
    dialog.open()
