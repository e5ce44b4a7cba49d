"""HTTP/1.1 by httptools, with an end to how long a request's head may be: the parser itself would wait for ever."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD = 256 * 1024  # bytes


class BoundedHttp(HttpToolsProtocol):
    """Answers 400 and closes when a request's line and headers do not end within `MAX_HEAD`."""

    _head = 0
    _is_in_head = True

    def data_received(self, data: bytes) -> None:
        """Count what arrives until the headers are complete."""
        super().data_received(data)
        self._head = self._head + len(data) if self._is_in_head else 0
        if self._head > MAX_HEAD and not self.transport.is_closing():
            self.send_400_response("The request's headers are too long.")

    def on_headers_complete(self) -> None:
        """The head is over."""
        self._is_in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """What comes next is another head."""
        self._is_in_head = True
        self._head = 0
        super().on_message_complete()
