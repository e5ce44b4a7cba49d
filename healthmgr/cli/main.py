"""`healthmgr`: the command line."""

from __future__ import annotations

from typing import Annotated

import typer

from healthmgr import __version__
from healthmgr.cli.failing import EXIT_CODES
from healthmgr.cli.lazy import Entry, LazyGroup

START, LOOK, RUN, MEND = "Start here", "Look", "Run a fleet", "Set up and mend"


class Root(LazyGroup):
    """All commands in the order of the help. Each sentence is the first one of what is imported; a test compares."""

    entries = (
        Entry(
            "up",
            START,
            "Run everything in this terminal until Ctrl-C: database, Redis, beat, workers, "
            "API; what dies is started again.",
            "healthmgr.cli.up:up",
        ),
        Entry("demo", START, "A small fleet to break and mend, and its inbox.", "healthmgr.cli.demo:demo_app"),
        Entry("status", LOOK, "Show the state of everything at a glance.", "healthmgr.cli.status:status"),
        Entry(
            "probe",
            LOOK,
            "Probe something once, without database or definitions; exits 1 when it is not healthy.",
            "healthmgr.cli.probe:probe",
        ),
        Entry("checks", LOOK, "What is watched, and what is believed of it.", "healthmgr.cli.checks:checks_app"),
        Entry("alerts", LOOK, "What is wrong, and who was told.", "healthmgr.cli.alerts:alerts_app"),
        Entry(
            "incidents",
            LOOK,
            "What is going on, who has it in hand, and what was told to whom.",
            "healthmgr.cli.incidents:incidents_app",
        ),
        Entry(
            "notifications",
            LOOK,
            "Who was told what, and whether it arrived.",
            "healthmgr.cli.notifications:notifications_app",
        ),
        Entry(
            "notify",
            LOOK,
            "What people would be told.",
            "healthmgr.cli.notify:notify_app",
        ),
        Entry(
            "route",
            LOOK,
            "Who is told of what: the routing tree.",
            "healthmgr.cli.routes:route_app",
        ),
        Entry(
            "oncall",
            LOOK,
            "Who is on call, and who would be told.",
            "healthmgr.cli.oncall:oncall_app",
        ),
        Entry(
            "contacts",
            LOOK,
            "Over what people are reached, and whether that was ever tried.",
            "healthmgr.cli.contacts:contacts_app",
        ),
        Entry(
            "escalate",
            LOOK,
            "Who would be told of an alert that nobody answers, minute by minute.",
            "healthmgr.cli.escalate:escalate_app",
        ),
        Entry(
            "graph",
            LOOK,
            "Who hangs on whom, and what falls with what.",
            "healthmgr.cli.graph:graph_app",
        ),
        Entry(
            "forecast",
            LOOK,
            "Say when a check's metrics will pass their limits if they go on as they do, or why that cannot be said.",
            "healthmgr.cli.forecast:forecast",
        ),
        Entry(
            "anomaly",
            LOOK,
            "What is unlike the past of a metric.",
            "healthmgr.cli.anomaly:anomaly_app",
        ),
        Entry(
            "changes",
            LOOK,
            "Deployments and other changes, for what breaks soon after.",
            "healthmgr.cli.changes:changes_app",
        ),
        Entry(
            "runbooks",
            LOOK,
            "Recovery procedures: what repairs what, and what a run of one would do.",
            "healthmgr.cli.runbooks:runbooks_app",
        ),
        Entry(
            "runs",
            LOOK,
            "What runbooks did, do, and wait for.",
            "healthmgr.cli.runs:runs_app",
        ),
        Entry(
            "approvals",
            LOOK,
            "What runbooks ask before they go on.",
            "healthmgr.cli.approvals:approvals_app",
        ),
        Entry(
            "recovery",
            LOOK,
            "Stop all that repairs by itself, and let it go on.",
            "healthmgr.cli.recovery:recovery_app",
        ),
        Entry("silence", LOOK, "Keep alerts quiet for a while.", "healthmgr.cli.silences:silence_app"),
        Entry(
            "maintenance",
            LOOK,
            "Planned work: windows in which alerts are held back.",
            "healthmgr.cli.maintenance:maintenance_app",
        ),
        Entry(
            "announce",
            LOOK,
            "Tell everybody, on the status page: of trouble, and of planned work.",
            "healthmgr.cli.announce:announce_app",
        ),
        Entry(
            "slo",
            LOOK,
            "Service levels: whether they are kept, and what is left of their error budgets.",
            "healthmgr.cli.slos:slo_app",
        ),
        Entry(
            "promises",
            LOOK,
            "Say how it stands with what healthmgr promises: detection, telling, availability, false alerts, repairs.",
            "healthmgr.cli.promises:promises",
        ),
        Entry(
            "lb",
            LOOK,
            "Load balancers: which instances of services are given work.",
            "healthmgr.cli.balancing:balancing_app",
        ),
        Entry(
            "validate",
            MEND,
            "Say what is wrong with a definitions file, all of it at once; nothing is changed.",
            "healthmgr.cli.definitions:validate",
        ),
        Entry(
            "diff",
            MEND,
            "Show what applying the definitions would change, field by field; nothing is changed.",
            "healthmgr.cli.definitions:diff",
        ),
        Entry(
            "apply",
            MEND,
            "Take a definitions file over, whole or not at all. What it no longer defines "
            "is disabled, its history kept.",
            "healthmgr.cli.definitions:apply",
        ),
        Entry(
            "fmt",
            MEND,
            "Put definitions into their usual order, spelling and lengths. Comments are "
            "kept; what they mean stays the same.",
            "healthmgr.cli.definitions:fmt",
        ),
        Entry(
            "kinds",
            MEND,
            "List the kinds of checks, channels and steps that are installed; with a KIND, what its `config` takes.",
            "healthmgr.cli.kinds:kinds",
        ),
        Entry("channels", MEND, "Over what people are reached.", "healthmgr.cli.channels:channels_app"),
        Entry(
            "schema",
            MEND,
            "Print a JSON Schema of the definitions, with the settings of every installed plugin, for editors.",
            "healthmgr.cli.definitions:schema",
        ),
        Entry(
            "openapi",
            MEND,
            "Print the OpenAPI document of the API, which clients can be made from; nothing has to run.",
            "healthmgr.api.printing:openapi",
        ),
        Entry(
            "settings",
            MEND,
            "Show every setting as it holds here, and where its value came from. Secrets are not shown.",
            "healthmgr.cli.settings:settings",
        ),
        Entry("tokens", MEND, "Access tokens of the API.", "healthmgr.cli.tokens:tokens_app"),
        Entry(
            "users",
            MEND,
            "People who sign in to the dashboard by a name and a password.",
            "healthmgr.cli.users:users_app",
        ),
        Entry(
            "webhooks",
            MEND,
            "Programs that are told of events, each by a signed POST.",
            "healthmgr.cli.webhooks:webhooks_app",
        ),
        Entry(
            "doctor",
            MEND,
            "Say what is wrong with this installation, and how to mend it.",
            "healthmgr.cli.doctor.command:doctor",
        ),
        Entry(
            "db",
            MEND,
            "The schema of the database.",
            "healthmgr.cli.database:db_app",
        ),
        Entry(
            "worker",
            RUN,
            "Run a worker: it consumes the queues named, or all of them.",
            "healthmgr.cli.processes:worker",
        ),
        Entry(
            "beat",
            RUN,
            "Run a beat, which orders due checks and finds lost work; any number of them may run.",
            "healthmgr.cli.processes:beat",
        ),
        Entry(
            "api",
            RUN,
            "Run the REST API and the page at its root.",
            "healthmgr.cli.processes:api",
        ),
    )


app = typer.Typer(
    cls=Root,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Checks that run, alerts that reach a person, and what to do about them.",
    epilog=EXIT_CODES,
)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"healthmgr {__version__}")
        raise typer.Exit


@app.callback()
def root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Checks that run, alerts that reach a person, and what to do about them."""


def main() -> None:
    """Run the command line of this process."""
    app(prog_name="healthmgr")


if __name__ == "__main__":
    main()
