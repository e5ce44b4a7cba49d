"""The definitions: valid, applied, with their secrets at hand, and with somebody who is told."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError
from sqlalchemy import RowMapping, Table, select

from healthmgr.cli.doctor.finding import Finding, Installation, fail, skip, warn, well
from healthmgr.definitions.difference import compare
from healthmgr.domain.phrasing import listing
from healthmgr.domain.routing_tree import Match
from healthmgr.errors import DefinitionError, PluginError
from healthmgr.registry import Registry
from healthmgr.secrets import read_variable, references, resolve
from healthmgr.storage.definition_repository import DefinitionRepository
from healthmgr.storage.directory_rows import read_directory
from healthmgr.storage.tables import channels, checks

_PATIENCE = 3.0  # seconds
_PORTS = {"http": 80, "https": 443}


def examine_secrets(installation: Installation) -> Iterator[Finding]:
    """Whether every secret that the applied definitions refer to is set here."""
    wanted: dict[str, str] = {}
    for table, column, what in ((checks, checks.c.slug, "check"), (channels, channels.c.name, "channel")):
        for row in enabled(installation, table):
            for name, has_default in references(row["config"]):
                if not has_default and read_variable(name, installation.environ) is None:
                    wanted.setdefault(name, f"{what} {row[column.name]}")
    for name, user in sorted(wanted.items()):
        yield fail(f"{name} is not set here, and {user} needs it", f"export {name} or {name}_FILE where workers run")
    if not wanted:
        yield well("all secrets that definitions refer to are set here")


def examine_channels(installation: Installation) -> Iterator[Finding]:
    """Whether the servers that channels send through can be reached from here."""
    found = enabled(installation, channels)
    registry = Registry.load()
    for row in found:
        yield _channel(row, registry, installation.environ)
    if not found:
        yield fail("no channel is defined, so nobody can be told", "define a channel and run `healthmgr apply`")


def _channel(row: RowMapping, registry: Registry, environ: Mapping[str, str]) -> Finding:
    name = f"channel {row['name']}"
    try:
        config = registry.channel(row["kind"]).Config.model_validate(resolve(row["config"], environ))
    except PluginError as error:
        return fail(f"{name}: {error}", "set what is missing, or correct the definition")
    except ValidationError as error:
        places = ", ".join(".".join(str(part) for part in fault["loc"]) for fault in error.errors())
        return fail(f"{name}: its configuration cannot be used ({places})", "correct it and run `healthmgr apply`")
    server = _server_of(config)
    if server is None:
        return skip(f"{name}: its server is not known from here")
    return _reach(name, *server)


def _server_of(config: Any) -> tuple[str, int] | None:
    """Where a channel connects to: its `host` and `port`, or those of its `url`."""
    host, port = getattr(config, "host", None), getattr(config, "port", None)
    if host and port:
        return str(host), int(port)
    value = getattr(config, "url", None)
    if value is None:
        return None
    url = urlsplit(value.get_secret_value() if hasattr(value, "get_secret_value") else str(value))
    port = url.port or _PORTS.get(url.scheme)
    return (url.hostname, port) if url.hostname and port else None


def _reach(name: str, host: str, port: int) -> Finding:
    try:
        with socket.create_connection((host, port), timeout=_PATIENCE):
            return well(f"{name}: {host}:{port} answers")
    except socket.gaierror as error:
        return fail(
            f"{name}: {host} cannot be resolved ({error.strerror})", "correct the channel's host, or this machine's DNS"
        )
    except OSError as error:
        return fail(
            f"{name}: {host}:{port} does not answer ({error.strerror or error})",
            "start that server, or correct the channel",
        )


def examine_catch_all(installation: Installation) -> Iterator[Finding]:
    """Whether somebody is told when no other route fits."""
    with installation.healthmgr.engine.connect() as connection:
        directory = read_directory(connection)
    if not directory.root.tells_somebody:
        yield fail(
            "there is no default route", "write `routing: {default: {to: [...], via: [...]}}` and run `healthmgr apply`"
        )
        return
    wanted = directory.receiver(directory.root).recipients
    told = {target.recipient for target in directory.leg(Match((directory.root.name,), directory.root)).targets}
    reached = [name for name in wanted if name in told]
    if not reached:
        yield fail("the default route reaches nobody", "give its recipients a contact for one of its channels")
    elif len(reached) < len(wanted):
        missed = ", ".join(sorted(set(wanted) - set(reached)))
        yield warn(f"the default route does not reach {missed}", "give them a contact for one of its channels")
    else:
        yield well(f"the default route reaches {', '.join(reached)}")


def examine_definitions(installation: Installation) -> Iterator[Finding]:
    """Whether the definitions file is valid, and the same as what is applied."""
    path = installation.settings.definitions
    if not path.exists():
        yield warn(f"{path} is not here", "set HEALTHMGR_CONFIG, or run this where the file lies")
        return
    try:
        wanted = installation.healthmgr.defining.validate(path)
    except DefinitionError as error:
        first = str(error.problems[0]) if error.problems else str(error)
        more = f" (and {len(error.problems) - 1} more)" if len(error.problems) > 1 else ""
        yield fail(f"{path} is not valid: {first}{more}", f"correct it; `healthmgr validate {path}` lists everything")
        return
    yield well(f"{path} is valid")
    difference = compare(wanted, DefinitionRepository(installation.healthmgr.engine).snapshot())
    differing = [change.name for change in difference.changes]
    if differing:
        yield warn(f"{path} is not what is applied: {listing(differing, 5)} differ", f"run `healthmgr apply {path}`")
    else:
        yield well(f"{path} is what is applied")


def enabled(installation: Installation, table: Table) -> list[RowMapping]:
    """The rows of a table that are in force."""
    with installation.healthmgr.engine.connect() as connection:
        return list(connection.execute(select(table).where(table.c.is_enabled)).mappings())
