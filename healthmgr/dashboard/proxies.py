"""Proxies before healthmgr: the headers of those that are trusted are believed, those of everybody else taken out."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from healthmgr.errors import SettingsError
from healthmgr.services.tokens import Principal, Role
from healthmgr.settings import Settings

log = structlog.get_logger(__name__)

_KEY = "healthmgr.named_by_proxy"
_FORWARDED = ("x-forwarded-for", "x-forwarded-proto")
_ROLES = {"viewer": Role.VIEWER, "responder": Role.RESPONDER, "admin": Role.ADMIN}
_MOST_NAME = 100


@dataclass(frozen=True, slots=True)
class ProxyRules:
    """Whom to believe, and what their headers say. `default` None: who is given no role is not let in."""

    trusted: tuple[IPv4Network | IPv6Network, ...]
    user_header: str = ""
    role_header: str = ""
    default: Role | None = Role.VIEWER

    @classmethod
    def of(cls, settings: Settings) -> ProxyRules:
        """Out of the settings. Raises SettingsError for an address that is none."""
        try:
            trusted = tuple(ip_network(text, strict=False) for text in settings.proxy_trusted)
        except ValueError as error:
            raise SettingsError(f"HEALTHMGR_PROXY_TRUSTED: {error}: write addresses or networks") from error
        default = _ROLES.get(settings.proxy_role)
        return cls(trusted, settings.proxy_user_header.lower(), settings.proxy_role_header.lower(), default)

    def trusts(self, address: str) -> bool:
        """Whether this is one of the proxies."""
        try:
            found = ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self.trusted)


class Proxies:
    """Puts in place who really asks, over which scheme, and whom a proxy names."""

    def __init__(self, app: ASGIApp, told: ProxyRules) -> None:
        self._app = app
        self._told = told

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with what is to be believed."""
        if scope["type"] in ("http", "websocket"):
            self._settle(scope)
        await self._app(scope, receive, send)

    def _settle(self, scope: Scope) -> None:
        rules, headers = self._told, Headers(scope=scope)
        peer = scope["client"][0] if scope.get("client") else ""
        own = {*_FORWARDED, rules.user_header, rules.role_header} - {""}
        if rules.trusts(peer):
            named = self._named(headers)
            if named is not None:
                scope.setdefault("state", {})[_KEY] = named
            hops = [hop.strip() for value in headers.getlist("x-forwarded-for") for hop in value.split(",")]
            behind = [hop for hop in hops if hop and not rules.trusts(hop)]
            if behind:
                scope["client"] = (behind[-1][:45], 0)
            scheme = headers.get("x-forwarded-proto", "").split(",")[0].strip().lower()
            if scheme in ("http", "https"):
                scope["scheme"] = scheme.replace("http", "ws") if scope["type"] == "websocket" else scheme
        scope["headers"] = [
            (name, value) for name, value in scope["headers"] if name.decode("latin-1").lower() not in own
        ]

    def _named(self, headers: Headers) -> Principal | None:
        rules = self._told
        names = headers.getlist(rules.user_header) if rules.user_header else []
        if len(names) != 1 or not names[0].strip() or not names[0].isprintable():
            return None
        wanted = headers.get(rules.role_header, "").strip().lower() if rules.role_header else ""
        role = _ROLES.get(wanted) if wanted else rules.default
        if role is None:
            log.warning("proxy_names_no_role", user=names[0][:_MOST_NAME], role=wanted[:_MOST_NAME])
            return None
        return Principal(names[0].strip()[:_MOST_NAME], role)


def named_by_proxy(scope: MutableMapping[str, Any]) -> Principal | None:
    """Whom a proxy names that is trusted; None where none does."""
    named: Principal | None = scope.get("state", {}).get(_KEY)
    return named
