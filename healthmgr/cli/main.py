"""`healthmgr`: the command line."""

from __future__ import annotations

from typing import Annotated

import typer

from healthmgr import __version__
from healthmgr.cli.alerts import alerts_app
from healthmgr.cli.checks import checks_app
from healthmgr.cli.database import db_app
from healthmgr.cli.definitions import apply, diff, fmt, schema, validate
from healthmgr.cli.demo import demo_app
from healthmgr.cli.doctor.command import doctor
from healthmgr.cli.failing import EXIT_CODES, SpeakingGroup
from healthmgr.cli.kinds import kinds
from healthmgr.cli.notifications import notifications_app
from healthmgr.cli.printing import print_lines
from healthmgr.cli.probe import probe
from healthmgr.cli.processes import api, beat, worker
from healthmgr.cli.settings import settings
from healthmgr.cli.status import status
from healthmgr.cli.tokens import tokens_app
from healthmgr.cli.up import up

START, LOOK, RUN, MEND = "Start here", "Look", "Run a fleet", "Set up and mend"

app = typer.Typer(
    cls=SpeakingGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Checks that run, alerts that reach a person, and what to do about them.",
    epilog=EXIT_CODES,
)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        print_lines(f"healthmgr {__version__}")
        raise typer.Exit


@app.callback()
def root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Checks that run, alerts that reach a person, and what to do about them."""


app.command("up", rich_help_panel=START)(up)
app.add_typer(demo_app, name="demo", rich_help_panel=START)
app.command("status", rich_help_panel=LOOK)(status)
app.command("probe", rich_help_panel=LOOK)(probe)
app.add_typer(checks_app, name="checks", rich_help_panel=LOOK)
app.add_typer(alerts_app, name="alerts", rich_help_panel=LOOK)
app.add_typer(notifications_app, name="notifications", rich_help_panel=LOOK)
app.command("validate", rich_help_panel=MEND)(validate)
app.command("diff", rich_help_panel=MEND)(diff)
app.command("apply", rich_help_panel=MEND)(apply)
app.command("fmt", rich_help_panel=MEND)(fmt)
app.command("kinds", rich_help_panel=MEND)(kinds)
app.command("schema", rich_help_panel=MEND)(schema)
app.command("settings", rich_help_panel=MEND)(settings)
app.add_typer(tokens_app, name="tokens", rich_help_panel=MEND)
app.command("doctor", rich_help_panel=MEND)(doctor)
app.add_typer(db_app, name="db", rich_help_panel=MEND)
app.command("worker", rich_help_panel=RUN)(worker)
app.command("beat", rich_help_panel=RUN)(beat)
app.command("api", rich_help_panel=RUN)(api)


def main() -> None:
    """Run the command line of this process."""
    app(prog_name="healthmgr")


if __name__ == "__main__":
    main()
