"""The machine that this worker runs on: processor, memory, disk and load. Thresholds judge the numbers."""

from __future__ import annotations

import os
import socket
import threading
import time
from typing import ClassVar

import psutil
from pydantic import BaseModel, ConfigDict, Field

from healthmgr.domain.check import Status
from healthmgr.domain.result import Outcome
from healthmgr.errors import ProbeError
from healthmgr.ports import ProbeContext

_SHORTEST_SPAN = 0.5  # seconds; the kernel counts in hundredths, so less would be noise
_FIRST_SPAN = 0.2
_LONGEST_SPAN = 900.0  # seconds; an average over more than this says nothing about now


class HostConfig(BaseModel):
    """Which disk to look at."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str = Field("/", min_length=1, description="A path on the file system whose space is measured")


class HostCheck:
    """Looks at the machine that the worker runs on."""

    kind: ClassVar[str] = "host"
    Config: ClassVar[type[BaseModel]] = HostConfig
    uses_network: ClassVar[bool] = False

    def __init__(self) -> None:
        self._processor = _ProcessorMeter()

    def probe(self, config: HostConfig, context: ProbeContext) -> Outcome:  # noqa: ARG002 - the port's signature
        """Read the kernel's numbers, healthy by themselves; raises ProbeError for a path that is not there."""
        try:
            disk = psutil.disk_usage(config.path)
        except OSError as error:
            raise ProbeError(f"the disk at {config.path} cannot be measured on this host: {error.strerror}") from error
        memory, swap = psutil.virtual_memory(), psutil.swap_memory()
        load_1m, load_5m, load_15m = psutil.getloadavg()
        cores = os.cpu_count() or 1
        metrics = {
            "cpu_usage": self._processor.usage(),
            "memory_usage": float(memory.percent),
            "memory_available": float(memory.available),
            "swap_usage": float(swap.percent),
            "disk_usage": float(disk.percent),
            "disk_free": float(disk.free),
            "load_1m": load_1m,
            "load_5m": load_5m,
            "load_15m": load_15m,
            "load_per_core": load_1m / cores,
        }
        message = (
            f"{socket.gethostname()}: processor {metrics['cpu_usage']:.0f}%, memory {memory.percent:.0f}%, "
            f"disk {config.path} {disk.percent:.0f}%, load {load_1m:.2f} on {cores} cores"
        )
        return Outcome(Status.HEALTHY, message, metrics=metrics)


class _ProcessorMeter:
    """The share of time the processors were busy since it was last asked, for callers in any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sample: tuple[float, float, float] | None = None
        self._usage: float | None = None

    def usage(self) -> float:
        """In percent of all cores together; waits a fifth of a second where no recent sample is there."""
        with self._lock:
            if self._sample is None or time.monotonic() - self._sample[0] > _LONGEST_SPAN:
                self._sample = _busy_and_total()
                threading.Event().wait(_FIRST_SPAN)
            elif self._usage is not None and time.monotonic() - self._sample[0] < _SHORTEST_SPAN:
                return self._usage
            _, busy_before, total_before = self._sample
            self._sample = _busy_and_total()
            _, busy, total = self._sample
            span = total - total_before
            self._usage = min(100.0, max(0.0, 100.0 * (busy - busy_before) / span)) if span > 0 else 0.0
            return self._usage


def _busy_and_total() -> tuple[float, float, float]:
    times = psutil.cpu_times()
    # Linux counts a guest's time within `user` and `nice` as well.
    total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    return time.monotonic(), total - times.idle - getattr(times, "iowait", 0.0), total
