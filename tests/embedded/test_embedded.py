"""The embedded servers, real ones: data outlives stops, kills and crashes, and nobody's permissions change."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import psycopg2
import pytest
import redis

import healthmgr
from healthmgr.embedded import EmbeddedServers, Endpoints, binaries
from healthmgr.embedded import servers as embedded_servers
from healthmgr.embedded.account import server_account
from healthmgr.embedded.home import Home
from healthmgr.embedded.redis import RedisServer
from healthmgr.errors import Conflict, Unavailable

is_root = os.geteuid() == 0
only_root = pytest.mark.skipif(not is_root, reason="only root may change accounts")


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One data folder for the stories that need no empty one, with a name that wants quoting."""
    return (tmp_path_factory.mktemp("home of a newcomer") / "data").resolve()


@pytest.fixture
def servers(data_dir: Path) -> Iterator[EmbeddedServers]:
    servers = EmbeddedServers(data_dir)
    yield servers
    servers.stop()


def remember(endpoints: Endpoints, word: str) -> None:
    with closing(psycopg2.connect(endpoints.database_url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS words (word text)")
        cursor.execute("INSERT INTO words VALUES (%s)", (word,))
    with closing(redis.Redis.from_url(endpoints.redis_url)) as client:
        client.sadd("words", word)


def words(endpoints: Endpoints) -> tuple[set[str], set[str]]:
    with closing(psycopg2.connect(endpoints.database_url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT word FROM words")
        stored = {row[0] for row in cursor.fetchall()}
    with closing(redis.Redis.from_url(endpoints.redis_url, decode_responses=True)) as client:
        return stored, set(client.smembers("words"))


def server_pids(servers: EmbeddedServers) -> list[int]:
    return [process.pid for _, process in servers._running]


def wait_for(claim: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_data_outlives_a_stop_and_the_addresses_stay(data_dir: Path, servers: EmbeddedServers) -> None:
    first = servers.start()
    assert servers.start() == first
    remember(first, "stopped")
    pids = server_pids(servers)
    servers.stop()
    servers.stop()
    assert all(is_gone(pid) for pid in pids)
    second = servers.start()
    assert second == first
    stored, cached = words(second)
    assert "stopped" in stored & cached


def test_data_outlives_kill_9_of_both_servers(servers: EmbeddedServers) -> None:
    endpoints = servers.start()
    remember(endpoints, "killed")
    time.sleep(1.1)  # Redis writes its file once a second
    for pid in server_pids(servers):
        os.kill(pid, signal.SIGKILL)
    servers.stop()
    stored, cached = words(servers.start())
    assert "killed" in stored & cached


def test_a_second_start_on_the_same_folder_is_refused_and_harms_nothing(
    data_dir: Path, servers: EmbeddedServers
) -> None:
    endpoints = servers.start()
    other = EmbeddedServers(data_dir)
    with pytest.raises(Conflict, match=f"is in use by process {os.getpid()}"):
        other.start()
    other.stop()
    remember(endpoints, "undisturbed")


def test_a_pid_file_that_names_a_stranger_does_not_stop_postgres(data_dir: Path, servers: EmbeddedServers) -> None:
    servers.start()
    servers.stop()
    account = server_account(data_dir / "postgres")
    with subprocess.Popen(["sleep", "60"], user=account.uid if account else None) as stranger:
        pid_file = data_dir / "postgres" / "postmaster.pid"
        pid_file.write_text(f"{stranger.pid}\n{data_dir / 'postgres'}\n1700000000\n5432\n\n\n")
        servers.start()
        assert stranger.poll() is None
        stranger.kill()


def test_another_port_is_chosen_and_told_when_redis_finds_its_own_taken(tmp_path: Path) -> None:
    said: list[str] = []
    account = server_account(tmp_path / "none")
    server = RedisServer(Home(tmp_path, account, tmp_path), tmp_path, Path("redis-server"))
    server.prepare(said.append)
    first = server.port
    server.prepare(said.append)
    assert (server.port, said) == (first, [])
    with closing(socket.create_server(("127.0.0.1", first))):
        server.prepare(said.append)
    assert server.port != first
    assert said == [f"port {first} of Redis is taken by somebody else: it now has {server.port}"]


def test_secrets_are_readable_by_their_owner_alone(data_dir: Path, servers: EmbeddedServers) -> None:
    endpoints = servers.start()
    for path in (data_dir / "redis-password", data_dir / "redis" / "redis.conf"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with (
        closing(redis.Redis.from_url(endpoints.redis_url.split("@")[1].join(["redis://", ""]))) as client,
        pytest.raises(redis.AuthenticationError),
    ):
        client.ping()


STARTER = """
import sys, time
from pathlib import Path
from healthmgr.embedded import EmbeddedServers
servers = EmbeddedServers(Path(sys.argv[1]), lambda line: print(line, file=sys.stderr))
print(servers.start().database_url, *(process.pid for _, process in servers._running), flush=True)
sys.stdin.read()
servers.stop()
"""


def test_servers_of_a_killed_process_end_and_start_again_with_their_data(
    data_dir: Path, servers: EmbeddedServers
) -> None:
    remember(servers.start(), "orphaned")
    servers.stop()
    command = [sys.executable, "-c", STARTER, str(data_dir)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        pids = [int(pid) for pid in starter.stdout.readline().split()[1:]]
        starter.kill()
    stored, cached = words(servers.start())
    assert "orphaned" in stored & cached
    wait_for(lambda: all(is_gone(pid) for pid in pids))


def test_an_unfinished_initialisation_is_begun_anew(tmp_path: Path) -> None:
    data = tmp_path.resolve() / "data"
    prepared = EmbeddedServers(data).prepare()
    cluster = prepared.postgres.cluster
    shutil.rmtree(cluster)
    half = cluster.with_name("postgres.unfinished")
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    prepared.postgres.prepare()
    assert (cluster / "global" / "pg_control").exists()
    assert not half.exists()


def test_a_folder_that_holds_something_else_is_not_touched(tmp_path: Path) -> None:
    prepared = EmbeddedServers(tmp_path / "data").prepare()
    shutil.rmtree(prepared.postgres.cluster)
    prepared.postgres.cluster.mkdir()
    (prepared.postgres.cluster / "diary").write_text("dear")
    with pytest.raises(Unavailable, match="holds no database"):
        prepared.postgres.prepare()


@only_root
def test_root_runs_no_server_as_root(servers: EmbeddedServers) -> None:
    servers.start()
    assert all(psutil.Process(pid).uids().effective != 0 for pid in server_pids(servers))


@only_root
def test_a_folder_that_only_root_may_enter_keeps_its_permissions(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    above = [closed, *closed.parents]
    before = [path.stat().st_mode for path in above]
    said: list[str] = []
    servers = EmbeddedServers(closed / "data", said.append)
    try:
        remember(servers.start(), "hidden")
    finally:
        servers.stop()
    assert [path.stat().st_mode for path in above] == before
    link = closed / "data" / "postgres"
    assert link.is_symlink()
    assert (link / "PG_VERSION").read_text() == "18\n"
    assert [line for line in said if str(link.resolve().parent) in line]
    shutil.rmtree(link.resolve().parent)
    with pytest.raises(Unavailable, match=r"points to .* which is gone"):
        EmbeddedServers(closed / "data").start()


@only_root
def test_programs_out_of_reach_are_copied_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = tmp_path / "venv"
    hidden.mkdir(mode=0o700)
    real = binaries.installed()
    package = real.postgres.parents[1]
    for part in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(part, hidden / part.name, ignore=shutil.ignore_patterns("pginstall", "include", "*.a"))
    shutil.copy2(real.redis, hidden / "redis-server")
    out_of_reach = binaries.Binaries(hidden / package.name / "pginstall18" / "bin", hidden / "redis-server")
    account = server_account(tmp_path / "none")
    assert not out_of_reach.usable_by(account)

    open_folder = Path("/var/tmp") / f"healthmgr-test-{os.getpid()}"
    open_folder.mkdir(mode=0o755)
    try:
        copy = binaries.copied(out_of_reach, open_folder)
        assert copy.usable_by(account)
        made_at = copy.redis.stat().st_ctime_ns
        assert binaries.copied(out_of_reach, open_folder) == copy
        assert copy.redis.stat().st_ctime_ns == made_at

        monkeypatch.setattr(embedded_servers, "installed", lambda: copy)
        servers = EmbeddedServers(open_folder / "data")
        try:
            remember(servers.start(), "copied")
        finally:
            servers.stop()
    finally:
        shutil.rmtree(open_folder)


def user_environment() -> dict[str, str]:
    packages = [path for path in sys.path if path.endswith("site-packages")]
    return {"PYTHONPATH": os.pathsep.join([*packages, str(Path(healthmgr.__file__).parents[1])])}


def runs_healthmgr(python: str, user: dict[str, object]) -> bool:
    try:
        return (
            subprocess.run(
                [python, "-c", "import healthmgr.embedded"], env=user_environment(), check=False, **user
            ).returncode
            == 0
        )  # type: ignore[call-overload]
    except OSError:
        return False


@only_root
def test_an_ordinary_user_has_it_all_in_his_data_folder() -> None:
    account = server_account(Path("none"))
    assert account is not None
    home = Path("/var/tmp") / f"healthmgr-user-{os.getpid()}"
    home.mkdir(mode=0o700)
    os.chown(home, account.uid, account.gid)
    user = {"user": account.uid, "group": account.gid, "extra_groups": [], "cwd": home}
    try:
        python = next((found for found in (sys.executable, "/usr/bin/python3") if runs_healthmgr(found, user)), None)
        if python is None:
            pytest.skip("no Python here with healthmgr's packages is in an ordinary user's reach")
        done = subprocess.run(
            [python, "-c", STARTER, str(home / "data")],
            env=user_environment(),
            input="",
            capture_output=True,
            text=True,
            check=False,
            **user,  # type: ignore[call-overload]
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert {path.stat().st_uid for path in (home / "data").rglob("*")} == {account.uid}
    finally:
        shutil.rmtree(home)
