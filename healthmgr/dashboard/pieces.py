"""HTML in the browser that is kept up to date piece by piece: only what has changed is sent."""

from __future__ import annotations

from collections.abc import Iterable

from nicegui import ui


class Pieces(ui.element, component="assets/pieces.js"):
    """A container of pieces of HTML, each with a key of its own.

    What is shown must have been escaped already (`templates.render` does it). In the browser a piece is changed in
    place, so that focus, scrolling and what is folded open survive.
    """

    def __init__(self, tag: str = "div", pieces: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__()
        self._shown = dict(pieces)
        self._props["tag"] = tag
        self._props["pieces"] = list(self._shown.items())

    def show(self, pieces: Iterable[tuple[str, str]]) -> bool:
        """Show these, in this order; whether anything has changed."""
        wanted = dict(pieces)
        if wanted == self._shown and list(wanted) == list(self._shown):
            return False
        changed = {key: html for key, html in wanted.items() if self._shown.get(key) != html}
        self._shown = wanted
        # What a browser that comes back is given: not sent to the one that is there.
        self._props["pieces"] = list(wanted.items())
        self.run_method("show", list(wanted), changed)
        return True
