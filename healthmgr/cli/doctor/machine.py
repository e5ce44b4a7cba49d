"""The machine: Python, the environment, the data folder."""

from __future__ import annotations

import shutil
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import func, select

from healthmgr.cli.doctor.finding import Finding, Installation, fail, skip, warn, well
from healthmgr.cli.tokens import ADMIN_TOKEN_FILE
from healthmgr.storage.tables import checks

_PYTHON = (3, 11)
_GIB = 2**30
_LITTLE_SPACE, _HARDLY_ANY_SPACE = 5 * _GIB, _GIB // 2


def examine_python(_installation: Installation) -> Iterator[Finding]:
    """Whether this Python is new enough."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] < _PYTHON:
        yield fail(f"Python {version} is too old", "make the environment with Python 3.11 or newer")
    else:
        yield well(f"Python {version}")


def examine_settings(installation: Installation) -> Iterator[Finding]:
    """Whether the variables that others depend on are given."""
    settings = installation.settings
    if not settings.broker:
        yield fail(
            "neither REDIS_URL nor BROKER_URL is set",
            "set REDIS_URL, or run `make run` here, which brings its own Redis",
        )
    if not settings.public_url:
        yield warn(
            "HEALTHMGR_URL is not set, so messages cannot link here",
            "set it to the address at which people reach the API",
        )
    if settings.broker and settings.public_url:
        yield well("the environment is usable")


def examine_secret_key(installation: Installation) -> Iterator[Finding]:
    """Whether ping addresses can be signed, where a heartbeat check needs them."""
    key = installation.settings.secret_key
    with installation.healthmgr.engine.connect() as connection:
        heartbeats = connection.execute(
            select(func.count()).where(checks.c.kind == "heartbeat", checks.c.is_enabled)
        ).scalar_one()
    if key and len(key) < 32:
        yield warn(
            "HEALTHMGR_SECRET_KEY is short enough to be guessed",
            "set at least 32 random characters; ping addresses change with it",
        )
    elif key:
        yield well("HEALTHMGR_SECRET_KEY is set")
    elif heartbeats:
        yield fail(
            f"HEALTHMGR_SECRET_KEY is not set, and {heartbeats} heartbeat checks have no ping address",
            "set it to 32 random characters, the same everywhere",
        )
    else:
        yield skip("HEALTHMGR_SECRET_KEY is not set, and no heartbeat check needs it")


def examine_disk(installation: Installation) -> Iterator[Finding]:
    """Whether the data folder's disk has room."""
    folder = installation.settings.data_dir.absolute()
    present = next(path for path in (folder, *folder.parents) if path.exists())
    usage = shutil.disk_usage(present)
    said = f"{usage.free / _GIB:.1f} GiB free of {usage.total / _GIB:.1f} GiB for {folder}"
    if usage.free < _HARDLY_ANY_SPACE:
        yield fail(said, "free some space, or move the data with HEALTHMGR_DATA; databases stop when the disk is full")
    elif usage.free < _LITTLE_SPACE:
        yield warn(said, "free some space, or shorten HEALTHMGR_RETENTION")
    else:
        yield well(said)


def examine_token_file(installation: Installation) -> Iterator[Finding]:
    """Whether the admin token of this machine is for its owner alone."""
    path: Path = installation.settings.data_dir / ADMIN_TOKEN_FILE
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        yield skip(f"no admin token is kept in {path}")
        return
    if mode & 0o077:
        yield fail(
            f"{path} can be read by others (mode {mode:04o})",
            f"chmod 600 {path}, and make a new token if they may have read it",
        )
    else:
        yield well(f"{path} is for its owner alone")
