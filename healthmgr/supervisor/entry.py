"""The last step before a child's program: drops root, ties its life to the supervisor's, becomes the program.

Run by path with `python -I -S`, so it may import the standard library alone. It exists because the signal that
Linux sends at a parent's death is forgotten when a process changes its user: it must be asked for afterwards.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Arguments: parent pid, death signal, "uid:gid" or "-", then the program and its arguments."""
    parent, death_signal, account, *argv = arguments
    if account != "-":
        uid, gid = (int(part) for part in account.split(":"))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
        os.umask(0o077)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    if os.getppid() != int(parent):  # the supervisor died before its death could be asked for
        sys.exit(1)
    # Python ignores SIGPIPE, and what is ignored stays ignored in the program that follows.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - no shell is wanted
    except OSError as error:
        sys.exit(f"cannot run {argv[0]}: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv[1:])
