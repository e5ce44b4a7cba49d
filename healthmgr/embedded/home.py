"""Where the servers' files lie: the data folder, or one that the servers' account can reach, linked from it."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from healthmgr.embedded.account import can_enter
from healthmgr.errors import Unavailable
from healthmgr.supervisor.child import Account

REFUGE = Path("/var/lib/healthmgr")
_LONGEST_SOCKET = 100  # bytes: the kernel's limit is 107, and PostgreSQL adds a suffix to its lock file
_ORIGIN = "data-folder"


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of `postgres`, `redis` and the socket, whose they are, and where copies of programs may go."""

    folder: Path
    account: Account | None
    shared: Path

    @property
    def socket_dir(self) -> Path:
        """A private folder for PostgreSQL's socket, whose path is short enough for one."""
        inside = self.folder / "socket"
        is_plain = re.fullmatch(r"[\w/.+ -]+", str(inside)) is not None  # libpq reads commas and colons as lists
        if is_plain and len(os.fsencode(inside / ".s.PGSQL.5432")) <= _LONGEST_SOCKET:
            return inside
        owner = self.account.uid if self.account else os.geteuid()
        return Path("/tmp") / f"healthmgr-{owner}-{_fingerprint(self.folder)}"  # noqa: S108 - made private, and checked

    def private(self, folder: Path) -> Path:
        """The folder, made the account's own and closed to others. Raises Unavailable when it is somebody else's."""
        owner = self.account.uid if self.account else os.geteuid()
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (owner, os.geteuid()):
            raise Unavailable(f"{folder} is in the way: it belongs to somebody else. Remove it, then start again")
        self.give(folder)
        folder.chmod(0o700)
        return folder

    def give(self, path: Path) -> None:
        """Hand a file or folder to the account."""
        if self.account is not None:
            os.chown(path, self.account.uid, self.account.gid, follow_symlinks=False)


def find_home(data_dir: Path, account: Account | None, say: Callable[[str], None]) -> Home:
    """Where the servers of this data folder live, now and at every later start.

    Links left by an earlier start are followed. A data folder that the account cannot reach is left as it is: the
    servers then live below /var/lib/healthmgr (below the temporary folder when the data folder is temporary), and
    `data_dir/postgres` and `data_dir/redis` are links to there. Raises Unavailable when a link leads nowhere.
    """
    link = data_dir / "postgres"
    refuge = _refuge_for(data_dir)
    if link.is_symlink():
        if not link.exists():
            raise Unavailable(
                f"{link} points to {link.readlink()}, which is gone: bring that folder back, "
                f"or remove {link} and {data_dir / 'redis'} to begin with empty ones"
            )
        return Home(link.resolve().parent, account, refuge)
    if can_enter(account, data_dir):
        return Home(data_dir, account, refuge)
    if link.exists():
        who = account.name if account else "this account"
        raise Unavailable(
            f"{link} holds a database, but {who} may no longer enter {data_dir}: "
            "let it through the folders above, or move the data folder to where it may go"
        )
    folder = refuge / _fingerprint(data_dir)
    _make_public(refuge)
    _make_public(folder)
    (folder / _ORIGIN).write_text(str(data_dir), encoding="utf-8")
    say(f"{account.name if account else 'the servers'} may not enter {data_dir}: PostgreSQL and Redis live in {folder}")
    return Home(folder, account, refuge)


def link_from(data_dir: Path, home: Home, name: str) -> None:
    """Make the home's folder findable in the data folder, where it lies elsewhere."""
    link = data_dir / name
    if home.folder != data_dir and not link.exists():
        link.symlink_to(home.folder / name)


def forget_temporary_homes(home: Home) -> None:
    """Remove homes below the temporary folder whose data folder is gone: nobody can ask for them again."""
    if home.shared == REFUGE or not home.shared.exists():
        return
    for origin in home.shared.glob(f"*/{_ORIGIN}"):
        if not Path(origin.read_text(encoding="utf-8")).exists():
            shutil.rmtree(origin.parent, ignore_errors=True)


def _refuge_for(data_dir: Path) -> Path:
    temporary = Path(tempfile.gettempdir()).resolve()
    return temporary / f"healthmgr-servers-{os.geteuid()}" if data_dir.is_relative_to(temporary) else REFUGE


def _make_public(folder: Path) -> None:
    """A folder of ours that others may pass through, but not list."""
    folder.mkdir(mode=0o711, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise Unavailable(f"{folder} is in the way: it belongs to somebody else. Remove it, then start again")
    folder.chmod(0o711)


def _fingerprint(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
