"""`healthmgr up`: everything in one terminal, from nothing to a page that answers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import func, select

from healthmgr.cli.children import Crew
from healthmgr.cli.failing import ExitCode
from healthmgr.cli.surroundings import Surroundings
from healthmgr.definitions.document import read_text
from healthmgr.definitions.gathering import files_of
from healthmgr.demo import fleet as demo_fleet
from healthmgr.embedded import EmbeddedServers
from healthmgr.errors import DefinitionError, Unavailable
from healthmgr.settings import Settings
from healthmgr.storage.database import connect, upgrade
from healthmgr.storage.tables import checks
from healthmgr.supervisor import Console, FolderLock, PidFiles, Supervisor

# The fleet's checks, and who looks after it: each stands alone, so that what the second cannot have spoils no check.
_DEMO_DEFINITIONS = tuple(Path(demo_fleet.__file__).with_name(name) for name in ("demo.yaml", "demo-team.yaml"))
_DEMO_SOURCE = f"file:{_DEMO_DEFINITIONS[0].name}"
_SERVERS_READY_WITHIN = 120.0
_API_READY_WITHIN = 90.0

Flower = Annotated[bool, typer.Option("--flower", envvar="FLOWER", help="Also run Flower, which shows the fleet.")]
Demo = Annotated[bool, typer.Option("--demo", help="Also run a small fleet of services to break and mend.")]
Fleet = Annotated[
    bool, typer.Option("--fleet", help="Run the layout of a fleet: two beats, workers per queue, Flower.")
]
Port = Annotated[int | None, typer.Option(min=0, max=65535, help="The API's port; default: HEALTHMGR_PORT, else 8300.")]
File = Annotated[Path | None, typer.Option("--definitions", "-d", metavar="PATH", help="Default: healthmgr.yaml.")]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the person at the terminal asked for."""

    flower: bool
    demo: bool
    fleet: bool
    port: int | None


def up(
    flower: Flower = False, demo: Demo = False, fleet: Fleet = False, port: Port = None, definitions: File = None
) -> None:
    """Run everything in this terminal until Ctrl-C: database, Redis, beat, workers, API; what dies is started again.

    DATABASE_URL, REDIS_URL and BROKER_URL replace the servers that come along. All data is kept in HEALTHMGR_DATA,
    ./data by default.
    """
    if definitions is not None:
        os.environ["HEALTHMGR_CONFIG"] = str(definitions)
    data_dir = Path(os.environ.get("HEALTHMGR_DATA") or "data").resolve()
    lock = FolderLock(data_dir / "run" / "lock")
    lock.acquire()
    try:
        # Left by a supervisor that was killed, it would be taken for the address of servers that run.
        (data_dir / "run" / "environment.json").unlink(missing_ok=True)
        console = Console()
        surroundings = Surroundings.of(Settings.load(), console.say, os.environ)
        pid_files = PidFiles(data_dir / "run" / "pids")
        leftovers = pid_files.stop_leftovers()
        if leftovers:
            console.say(f"stopped what an earlier start had left running: {', '.join(leftovers)}")
        with Supervisor(pid_files, console) as supervisor:
            _Start(Wishes(flower or fleet, demo, fleet, port), surroundings, supervisor, console).run()
        console.say("everything is stopped; all data is kept")
    finally:
        lock.release()


class _Start:
    """One start, step by step, and then the long watch."""

    def __init__(self, wishes: Wishes, surroundings: Surroundings, supervisor: Supervisor, console: Console) -> None:
        self._wishes = wishes
        self._around = surroundings
        self._supervisor = supervisor
        self._console = console
        self._began = time.monotonic()
        self._notes: list[tuple[str, str]] = []
        self._has_definitions = self._has_demo = False
        self._flower: tuple[int, str] | None = None

    def run(self) -> None:
        """Start everything, say where it is, and serve until somebody asks for the end."""
        steps = (self._start_servers, self._migrate, self._settle, self._apply, self._start_crew, self._greet)
        try:
            for step in steps:
                step()
                if self._supervisor.should_stop:
                    return
            self._supervisor.run(every=1.0)
        finally:
            self._around.remove_environment_file()
            self._console.say("stopping: a second Ctrl-C kills what is left")
            self._supervisor.stop()

    @property
    def _crew(self) -> Crew:
        env = self._around.env
        return Crew(env, self._around.run_dir, env["BROKER_URL"], self._around.settings.log_level)

    def _start_servers(self) -> None:
        env = self._around.env
        wants_postgres, wants_redis = "DATABASE_URL" not in env, "REDIS_URL" not in env
        if not wants_postgres and not wants_redis:
            self._around.settle_servers("", "")
            return
        embedded = EmbeddedServers(self._around.data_dir, self._console.say)
        servers = embedded.prepare(with_postgres=wants_postgres, with_redis=wants_redis)
        wanted = [
            server
            for server, is_wanted in ((servers.postgres, wants_postgres), (servers.redis, wants_redis))
            if is_wanted
        ]
        for server in wanted:
            self._supervisor.start(server.child())
        for server in wanted:
            is_ready = self._supervisor.run(server.is_ready, _SERVERS_READY_WITHIN)
            if not is_ready and not self._supervisor.should_stop:
                raise Unavailable(f"{server.child().name} does not get ready: its lines above say why")
        self._around.settle_servers(
            servers.postgres.url if wants_postgres else "", servers.redis.url if wants_redis else ""
        )

    def _migrate(self) -> None:
        engine = connect(self._around.env["DATABASE_URL"], application_name="healthmgr up")
        upgrade(engine)
        with engine.connect() as connection:
            self._has_definitions = bool(connection.execute(select(func.count()).select_from(checks)).scalar_one())
            of_demo = select(func.count()).where(checks.c.managed_by == _DEMO_SOURCE, checks.c.is_enabled)
            self._has_demo = bool(connection.execute(of_demo).scalar_one())
        engine.dispose()

    def _settle(self) -> None:
        around = self._around
        around.settle_api(self._wishes.port)
        around.settle_secret_key()
        if self._wants_inbox():
            self._supervisor.start(self._crew.inbox(around.data_dir, around.settle_inbox()))
            self._notes.append(("mail", f"{_command()} demo inbox (set SMTP_HOST to use your mail server)"))
        if self._wishes.demo:
            ports = around.settle_demo()
            self._supervisor.start(self._crew.demo(around.data_dir, ports))
        if self._wishes.flower:
            self._flower = around.settle_flower()
            self._notes.append(("Flower", "http://127.0.0.1:{}  (admin / {})".format(*self._flower)))
        around.write_environment_file()

    def _wants_inbox(self) -> bool:
        """Where the definitions leave the mail server to SMTP_HOST and nobody has set it, the mail stays here."""
        if self._around.env.get("SMTP_HOST") or self._around.env.get("SMTP_PORT"):
            return False
        return self._wishes.demo or _mentions(Path(self._around.env["HEALTHMGR_CONFIG"]), "${SMTP_HOST")

    def _apply(self) -> None:
        path = Path(self._around.env["HEALTHMGR_CONFIG"])
        if self._supervisor.run_once(self._crew.once("apply", "apply", str(path))) != 0:
            if self._supervisor.should_stop:
                return
            if not self._has_definitions:
                self._console.warn(f"{path} was not applied, and nothing was before: mend it, then start again")
                raise typer.Exit(int(ExitCode.BAD_INPUT))
            self._console.warn(f"{path} was not applied: going on with what was applied before")
        if self._wishes.demo:
            for definitions in _DEMO_DEFINITIONS:
                self._supervisor.run_once(self._crew.once("apply", "apply", str(definitions)))
        elif self._has_demo:
            self._withdraw_demo()

    def _withdraw_demo(self) -> None:
        """The demo's services do not run now: an empty file of the same name takes back what each defined."""
        for definitions in reversed(_DEMO_DEFINITIONS):
            empty = self._around.run_dir / definitions.name
            empty.write_text("version: 1\n", encoding="utf-8")
            self._supervisor.run_once(self._crew.once("apply", "apply", str(empty)))
            empty.unlink()

    def _start_crew(self) -> None:
        if os.geteuid() == 0:
            self._console.say("running as root: so do the workers and the API; an ordinary account is enough for all")
        (self._around.run_dir / "pulse").mkdir(parents=True, exist_ok=True)
        crew, as_fleet = self._crew, self._wishes.fleet
        for child in crew.working(as_fleet=as_fleet):
            self._supervisor.start(child)
        # Checks are ordered once what they look at runs: the API is among it.
        if not self._supervisor.run(self._api_answers, _API_READY_WITHIN, every=0.3):
            if self._supervisor.should_stop:
                return
            self._console.warn("the API does not answer yet: its lines above say why")
        for child in crew.ordering(as_fleet=as_fleet):
            self._supervisor.start(child)
        if self._flower:
            port, password = self._flower
            self._supervisor.start(crew.flower(port, f"admin:{password}"))

    def _greet(self) -> None:
        token = self._admin_token()
        url, command = self._around.api_url, _command()
        facts = [
            ("page", f"{url}/#token={token}" if token else url),
            ("API", f"{url}/api/v1"),
            (
                "admin token",
                f"{token or 'none: see the lines above'}  (kept in {_short(self._around.data_dir / 'admin-token')})",
            ),
            *self._notes,
        ]
        tries = [f"{command} status", f"{command} checks list", f"{command} doctor"]
        if self._wishes.demo:
            tries = [f"{command} demo break session-manager", f"{command} status", f"{command} alerts list",
                     f"{command} demo inbox", f"{command} demo mend session-manager"]  # fmt: skip
        took = time.monotonic() - self._began
        lines = [
            "",
            self._console.emphasise(f"healthmgr is up ({took:.1f} s). Ctrl-C stops everything, and keeps all data."),
        ]
        lines += [f"  {name:<12} {text}" for name, text in facts]
        lines += [f"  {'mind':<12} {notice}" for notice in self._around.notices]
        lines += ["", "Try next, in another terminal:", *(f"  {line}" for line in tries), ""]
        self._console.show("\n".join(lines))

    def _admin_token(self) -> str:
        path = self._around.data_dir / "admin-token"
        command = [sys.executable, "-m", "healthmgr.cli.main", "tokens", "ensure-admin", "--file", str(path)]
        done = subprocess.run(
            command,
            env=self._around.env,
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,
            timeout=60,
        )
        if done.returncode != 0:
            self._console.warn(f"there is no admin token: {(done.stderr or done.stdout).strip()}")
            return ""
        return done.stdout.strip().splitlines()[-1]

    def _api_answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self._around.api_url}/healthz", timeout=1):  # noqa: S310 - an http address of ours
                return True
        except urllib.error.HTTPError:
            return True  # not well yet, but it answers
        except OSError:
            return False


def _mentions(path: Path, text: str) -> bool:
    """Whether a definitions file, or any of a folder's, holds this text; applying them says what is wrong with them."""
    try:
        return any(text in read_text(file) for file in files_of(path))
    except DefinitionError:
        return False


def _command() -> str:
    """How this program is called in this folder."""
    beside = Path(sys.executable).with_name("healthmgr")
    if shutil.which("healthmgr") == str(beside) or not beside.exists():
        return "healthmgr"
    return _short(beside)


def _short(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
