"""What may take long does not hold up the worker, runs once at a time, and may fail."""

from __future__ import annotations

import threading
from datetime import timedelta

from workers.aside import Aside


def test_the_worker_goes_on_while_something_takes_long_and_it_is_not_begun_twice() -> None:
    aside, may_end, begun = Aside(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        may_end.wait(10)

    assert aside.run("calendars", work)
    assert begun.wait(10)
    assert not aside.run("calendars", work)
    assert aside.run("something else", may_end.set)
    aside.close(timedelta(seconds=10))
    assert aside.run("calendars", work)


def test_what_fails_is_begun_again_the_next_time() -> None:
    aside, done = Aside(), threading.Event()

    def fail() -> None:
        raise RuntimeError("no such host")

    aside.run("calendars", fail)
    aside.close(timedelta(seconds=10))
    assert aside.run("calendars", done.set)
    assert done.wait(10)
