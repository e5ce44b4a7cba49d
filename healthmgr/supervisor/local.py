"""What this machine has: free ports, and files that only their owner can read."""

from __future__ import annotations

import os
import socket
from collections.abc import Collection
from pathlib import Path

from healthmgr.errors import Unavailable

_TRIED = 1000


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on this port now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError:
            return False
        return True


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    half = path.with_name(f".{path.name}.{os.getpid()}")
    half.unlink(missing_ok=True)
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    half.rename(path)


def free_port(wanted: int, host: str = "127.0.0.1", taken: Collection[int] = ()) -> int:
    """The wanted port, or the next one above it that is free and not among `taken`. Raises Unavailable."""
    for port in range(wanted, min(wanted + _TRIED, 65536)):
        if port not in taken and is_free(port, host):
            return port
    raise Unavailable(f"No port from {wanted} to {wanted + _TRIED - 1} is free on {host}")
