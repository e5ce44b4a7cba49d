"""`healthmgr validate`, `diff`, `apply`, `schema` and `fmt`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from healthmgr.bootstrap import definition_validator
from healthmgr.cli.failing import ExitCode
from healthmgr.cli.opening import load_settings, opened
from healthmgr.cli.options import ORIGIN, Actor, Json, person
from healthmgr.cli.printing import print_json, print_lines, print_note, styled
from healthmgr.definitions.definition import SECTIONS, Definitions
from healthmgr.definitions.difference import Change, Difference
from healthmgr.definitions.document import read_text
from healthmgr.definitions.formatting import format_text
from healthmgr.definitions.gathering import files_of
from healthmgr.definitions.schema import definitions_schema, installed_models
from healthmgr.errors import DefinitionError, Problem, Unavailable
from healthmgr.registry import Registry
from healthmgr.services.defining_ports import Applied
from healthmgr.settings import Settings

File = Annotated[
    Path | None,
    typer.Argument(
        metavar="[PATH]", help="The definitions, a file or a folder; default: HEALTHMGR_CONFIG, else healthmgr.yaml."
    ),
]

_NAMED = 20
_ALWAYS_COUNTED = ("channels", "recipients", "routes", "checks")
_COUNTED = {
    "time_windows": "time windows",
    "maintenance": "maintenance windows",
    "escalation_policies": "escalation policies",
}
_SIGNS = {"created": ("+", "healthy"), "updated": ("~", "degraded"), "disabled": ("-", "unhealthy")}


def validate(path: File = None, as_json: Json = False) -> None:
    """Say what is wrong with a definitions file, all of it at once; nothing is changed.

    No database is needed; where one answers, names that the file does not define are looked for there, as
    `apply` does. Exit codes: 0 the file is valid, 2 it is not.
    """
    settings = load_settings()
    chosen = path or settings.definitions
    try:
        definitions = _validated(settings, chosen)
    except DefinitionError as error:
        raise refusal(error, chosen, as_json) from error
    if as_json:
        print_json({"valid": True, "file": str(chosen), "problems": [], **_describe(definitions)})
        return
    _print_problems(definitions.warnings, "warning")
    counts = _describe(definitions)["defines"]
    named = (
        f"{count} {_COUNTED.get(name, name)}" for name, count in counts.items() if count or name in _ALWAYS_COUNTED
    )
    print_lines(f"{chosen} is valid: " + ", ".join(named))


def _validated(settings: Settings, path: Path) -> Definitions:
    now = datetime.now(UTC)  # for a look weeks ahead, any clock will do
    if settings.database_url:
        try:
            with opened() as healthmgr:
                return healthmgr.defining.validate(path, now)
        except Unavailable:
            print_note("The database does not answer: names that other files define are not looked for.")
    return definition_validator(settings).validate(path, now)


def diff(path: File = None, as_json: Json = False) -> None:
    """Show what applying the definitions would change, field by field; nothing is changed.

    Exit codes: 0 nothing would change, 1 something would, 2 the file is not valid, 3 the database does not answer.
    """
    with opened() as healthmgr:
        chosen = path or healthmgr.settings.definitions
        try:
            difference = healthmgr.defining.diff(chosen, healthmgr.now())
        except DefinitionError as error:
            raise refusal(error, chosen, as_json) from error
    if as_json:
        document = {**asdict(difference), "warnings": _as_documents(difference.warnings), "counts": difference.counts}
        print_json({"differs": bool(difference.changes), "file": str(chosen), "problems": [], **document})
    else:
        _print_problems(difference.warnings, "warning")
        _print_difference(difference, chosen)
    if difference.changes:
        raise typer.Exit(int(ExitCode.WRONG))


def apply(path: File = None, as_json: Json = False, actor: Actor = "") -> None:
    """Take a definitions file over, whole or not at all. What it no longer defines is disabled, its history kept.

    Exit codes: 0 applied, 2 the file is not valid and nothing was changed, 3 the database does not answer.
    """
    with opened() as healthmgr:
        chosen = path or healthmgr.settings.definitions
        try:
            applied = healthmgr.defining.apply(chosen, actor=person(actor), origin=ORIGIN, now=healthmgr.clock.now())
        except DefinitionError as error:
            raise refusal(error, chosen, as_json) from error
    if as_json:
        document = {**asdict(applied), "warnings": _as_documents(applied.warnings), "counts": applied.counts}
        print_json({"applied": True, "file": str(chosen), "problems": [], **document})
        return
    _print_problems(applied.warnings, "warning")
    _print_applied(applied, chosen)


def schema() -> None:
    """Print a JSON Schema of the definitions, with the settings of every installed plugin, for editors.

    With the YAML language server: write it to a file, and begin the definitions with
    `# yaml-language-server: $schema=healthmgr.schema.json`. It knows the usual spelling only.
    """
    registry = Registry.load()
    check_types = installed_models(registry.check_kinds(), registry.check_type)
    channels = installed_models(registry.channel_kinds(), registry.channel)
    steps = installed_models(registry.step_kinds(), registry.step_type)
    print_json(definitions_schema(check_types, channels, steps))


def fmt(
    path: File = None,
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit with 1 if a file would change.")] = False,
) -> None:
    """Put definitions into their usual order, spelling and lengths. Comments are kept; what they mean stays the same.

    Exit codes: 0 done (with --check: nothing to do), 1 with --check a file would change, 2 a file is no YAML.
    """
    chosen = path or load_settings().definitions
    try:
        texts = {file: read_text(file) for file in files_of(chosen)}
        changed = {file: new for file, old in texts.items() if (new := format_text(old, str(file))) != old}
    except DefinitionError as error:
        raise refusal(error, chosen, False) from error
    for file, new in changed.items():
        if not check:
            file.write_text(new, encoding="utf-8", newline="\n")
        print_lines(f"{file} {'would be' if check else 'is'} changed")
    print_lines(f"{len(texts) - len(changed)} of {len(texts)} files were in order")
    if check and changed:
        raise typer.Exit(int(ExitCode.WRONG))


def refusal(error: DefinitionError, path: Path, as_json: bool) -> typer.Exit:
    """The end of a command whose file is not valid, after every problem was printed."""
    if as_json:
        print_json({"valid": False, "applied": False, "file": str(path), "problems": _as_documents(error.problems)})
    else:
        _print_problems(error.problems, "unhealthy")
        count = len(error.problems)
        print_lines(f"{path} has {count} problem{'s' if count != 1 else ''}: nothing was changed")
    return typer.Exit(int(ExitCode.BAD_INPUT))


def _describe(definitions: Definitions) -> dict[str, Any]:
    return {
        "source": definitions.source,
        "defines": {attribute: len(getattr(definitions, attribute)) for _, attribute in SECTIONS},
        "warnings": _as_documents(definitions.warnings),
    }


def _as_documents(problems: Iterable[Problem]) -> list[dict[str, Any]]:
    return [asdict(problem) for problem in problems]


def _print_problems(problems: Iterable[Problem], tone: str) -> None:
    for problem in problems:
        place = ":".join(str(part) for part in (problem.file, problem.line) if part not in ("", None))
        line = styled(tone, f"{place}: ")
        print_lines(
            line.append(f" {problem.path}: " if problem.path else " ", "bold").append(problem.message, "default")
        )


def _print_difference(difference: Difference, path: Path) -> None:
    for change in difference.changes:
        _print_change(change)
    counts = ", ".join(f"{count} {sort}" for sort, count in difference.counts.items())
    print_lines(f"{path} {'differs from' if difference.changes else 'is'} what is applied: {counts}")


def _print_change(change: Change) -> None:
    sign, tone = _SIGNS[change.sort]
    print_lines(styled(tone, f"{sign} {change.name}"))
    for field in change.fields:
        print_lines(f"    {field.field}: {field.old} -> {field.new}")


def _print_applied(applied: Applied, path: Path) -> None:
    for sort, (sign, tone) in _SIGNS.items():
        names = getattr(applied, sort)
        for name in names[:_NAMED]:
            print_lines(styled(tone, f"{sign} {name}"))
        if len(names) > _NAMED:
            print_lines(styled(tone, f"{sign} and {len(names) - _NAMED} more"))
    counts = ", ".join(f"{count} {sort}" for sort, count in applied.counts.items())
    print_lines(f"{path} is applied: {counts}")
