"""Whom the embedded servers run as: never root."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from pathlib import Path

from healthmgr.errors import Unavailable
from healthmgr.supervisor.child import Account

NAME = "healthmgr"


def server_account(existing: Path) -> Account | None:
    """The account to run servers as when this process is root; None for anybody else, who runs them himself.

    `existing` is a cluster that may be there already: an ordinary user's stays his, also when root starts it.
    Otherwise it is `healthmgr`, created as a system account when absent, or `nobody` where that cannot be done.
    """
    if os.geteuid() != 0:
        return None
    if existing.exists() and existing.stat().st_uid != 0:
        return _of_uid(existing.stat().st_uid, existing.stat().st_gid)
    return _find(NAME) or _create() or _find("nobody") or _none_found()


def _of_uid(uid: int, gid: int) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return Account(str(uid), uid, gid)
    return Account(entry.pw_name, uid, entry.pw_gid)


def _find(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(name, entry.pw_uid, entry.pw_gid)


def _create() -> Account | None:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is None:
        return None
    options = ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    subprocess.run([useradd, *options, "--shell", "/usr/sbin/nologin", NAME], capture_output=True, check=False)
    return _find(NAME)


def _none_found() -> Account:
    raise Unavailable(
        f"The embedded servers do not run as root, and there is neither an account '{NAME}' nor 'nobody': "
        f"create one (useradd --system {NAME}), or set DATABASE_URL and REDIS_URL"
    )


def run_as(account: Account | None, argv: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a program to its end as an account, in a plain environment. Raises OSError when it cannot be run."""
    return subprocess.run(
        argv,
        cwd=cwd,
        env=PLAIN_ENVIRONMENT,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=300,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        umask=0o077,
    )


PLAIN_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def can_enter(account: Account | None, folder: Path) -> bool:
    """Whether the account can reach a folder: every one above it, too, must let it through."""
    if account is None:
        return os.access(folder, os.X_OK)
    return run_as(account, ["/bin/sh", "-c", 'cd "$0"', str(folder)], Path("/")).returncode == 0
