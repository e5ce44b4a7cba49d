"""HTML in the browser that is kept up to date piece by piece: only what has changed is sent."""

from __future__ import annotations

from collections.abc import Iterable

from nicegui import ui

from healthmgr.dashboard.edits import Sheet


class Pieces(ui.element, component="assets/pieces.js"):
    """A container of pieces of HTML, each with a key of its own.

    What is shown must have been escaped already (`templates.render` does it). In the browser a piece is changed in
    place, so that focus, scrolling and what is folded open survive.
    """

    def __init__(self, tag: str = "div") -> None:
        super().__init__()
        self._shown = Sheet()
        # Part of a dialog, which may not be drawn when something is shown in it.
        self._is_of_open_page = self._is_sent
        self._props["tag"] = tag
        self._props["pieces"] = []

    def show(self, pieces: Sheet | Iterable[tuple[str, str]]) -> bool:
        """Show these, in this order; whether anything has changed."""
        sheet = pieces if isinstance(pieces, Sheet) else Sheet(pieces)
        if sheet is self._shown:
            return False
        changed = sheet.since(self._shown)
        self._shown = sheet
        if not changed:
            return False
        whole = list(sheet.pieces.items())
        if self._is_of_open_page:
            self._props["pieces"] = whole  # which sends them
            return True
        with self._props.suspend_updates():
            self._props["pieces"] = whole  # what the page begins with
        if self._is_sent:
            # As text that is put together once for all who look at the same.
            self.client.run_javascript(f'runMethod({self.id}, "show", {changed})')
        return True

    @property
    def _is_sent(self) -> bool:
        """Whether the page has been sent as it was, so that what comes after has to be told: NiceGUI alone knows."""
        return self.client._response_built
