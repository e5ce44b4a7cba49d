"""Real processes beside a test: whatever commands name, until the end."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def running(commands: Iterable[Sequence[str]], environ: Mapping[str, str], root: Path, log: Path) -> Iterator[None]:
    """These processes, until the end; what they say is in `log`."""
    with log.open("wb") as said:
        processes = [subprocess.Popen(each, env=environ, cwd=root, stdout=said, stderr=said) for each in commands]
        try:
            yield
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(30)
