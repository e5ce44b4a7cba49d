"""The demo's fleet as one process: a port for each service, and one to break and mend them.

`python -m healthmgr.demo.services DATA_DIR NAME=PORT...`
"""

from __future__ import annotations

import asyncio
import hmac
import json
import os
import secrets
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web

from healthmgr.demo.control import CONTROL_FILE, TOKEN_VARIABLE, URL_VARIABLE
from healthmgr.demo.fleet import FLEET, SLOW_FOR, DemoService, Mode, answer
from healthmgr.supervisor.local import write_private

_HOST = "127.0.0.1"
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class RunningService:
    """One service on its port; "down" means that nothing listens there."""

    def __init__(self, service: DemoService, port: int) -> None:
        self.service = service
        self.url = f"http://{_HOST}:{port}"
        self.mode = Mode.HEALTHY
        self._port = port
        self._began = time.monotonic()
        app = web.Application()
        app.router.add_get("/health", self._health)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        self._site: web.TCPSite | None = None

    async def start(self, mode: Mode) -> None:
        """Begin to behave as `mode` says."""
        await self._runner.setup()
        await self.become(mode)

    async def become(self, mode: Mode) -> None:
        """Change the behaviour; in force when this returns."""
        self.mode = mode
        if mode is Mode.DOWN and self._site is not None:
            await self._site.stop()
            self._site = None
        elif mode is not Mode.DOWN and self._site is None:
            self._site = web.TCPSite(self._runner, _HOST, self._port, reuse_address=True)
            await self._site.start()

    async def stop(self) -> None:
        """Close the port and everything on it."""
        await self._runner.cleanup()

    async def _health(self, _request: web.Request) -> web.Response:
        if self.mode is Mode.SLOW:
            await asyncio.sleep(SLOW_FOR)
        status, document = answer(self.service, self.mode, time.monotonic() - self._began)
        # A kept connection would outlive "down".
        return web.json_response(document, status=status, headers={"Connection": "close"})


class Fleet:
    """All services, with their modes kept in a file so that a restart changes nothing."""

    def __init__(self, folder: Path, ports: Mapping[str, int], door: tuple[int, str]) -> None:
        self._folder = folder
        self._door_port, self._token = door
        self._services = {name: RunningService(FLEET[name], port) for name, port in ports.items()}
        app = web.Application(middlewares=[self._guard])
        app.router.add_get("/services/", self._show)
        app.router.add_put("/services/{name}", self._change)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)

    async def run(self, stopped: asyncio.Event) -> None:
        """Serve until `stopped` is set."""
        self._folder.mkdir(parents=True, exist_ok=True)
        modes = self._read_modes()
        try:
            for name, service in self._services.items():
                await service.start(modes.get(name, Mode.HEALTHY))
                print(f"{name} answers at {service.url}/health, {service.mode}", flush=True)  # noqa: T201
            await self._open_door()
            await stopped.wait()
        finally:
            (self._folder / CONTROL_FILE).unlink(missing_ok=True)
            await self._runner.cleanup()
            for service in self._services.values():
                await service.stop()

    async def _open_door(self) -> None:
        await self._runner.setup()
        site = web.TCPSite(self._runner, _HOST, self._door_port)
        await site.start()
        port = self._runner.addresses[0][1]
        door = {"url": f"http://{_HOST}:{port}", "token": self._token}
        write_private(self._folder / CONTROL_FILE, json.dumps(door))

    @web.middleware
    async def _guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {self._token}".encode()):
            return web.json_response({"error": "no valid token"}, status=401)
        return await handler(request)

    async def _show(self, _request: web.Request) -> web.Response:
        return self._state()

    async def _change(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        chosen = list(self._services) if name == "all" else [name]
        if name != "all" and name not in self._services:
            known = ", ".join(self._services)
            return web.json_response({"error": f"No service {name!r} in the demo: there are {known}"}, status=404)
        mode = Mode((await request.json())["mode"])
        for one in chosen:
            await self._services[one].become(mode)
            print(f"{one} is {mode} now", flush=True)  # noqa: T201
        modes = {one: str(service.mode) for one, service in self._services.items()}
        write_private(self._folder / "state.json", json.dumps(modes))
        return self._state()

    def _state(self) -> web.Response:
        services = self._services.items()
        return web.json_response({name: {"mode": str(one.mode), "url": one.url} for name, one in services})

    def _read_modes(self) -> dict[str, Mode]:
        try:
            kept = json.loads((self._folder / "state.json").read_text(encoding="utf-8"))
            return {name: Mode(mode) for name, mode in kept.items()}
        except FileNotFoundError:
            return {}


async def serve(folder: Path, ports: Mapping[str, int], door: tuple[int, str]) -> None:
    """Run the fleet until SIGTERM or SIGINT; it is broken and mended at the port of its door, by who has the token."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await Fleet(folder, ports, door).run(stopped)


def main(arguments: list[str]) -> None:
    """Run the fleet in DATA_DIR/demo on the ports given as NAME=PORT; its door is where the environment has it."""
    data_dir, *pairs = arguments
    ports = {name: int(port) for name, port in (pair.split("=") for pair in pairs)}
    port = urlsplit(os.environ.get(URL_VARIABLE, "")).port or 0
    token = os.environ.get(TOKEN_VARIABLE) or secrets.token_urlsafe(16)
    asyncio.run(serve(Path(data_dir) / "demo", ports, (port, token)))


if __name__ == "__main__":
    main(sys.argv[1:])
