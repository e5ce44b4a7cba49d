"""Signing in by OpenID Connect: the authorization code flow with PKCE, state and nonce. Needs `healthmgr[oidc]`."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import structlog
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from requests import RequestException

from healthmgr.errors import HealthmgrError, SettingsError
from healthmgr.services.tokens import Principal, Role
from healthmgr.settings import Settings

log = structlog.get_logger(__name__)

_TIMEOUT = 10  # seconds, for each request to the provider
_UNDER_WAY_FOR = 600.0  # seconds that somebody may take to sign in there
_KEPT_FOR = 3600.0  # seconds that what the provider says of itself is believed
_MOST_UNDER_WAY = 10_000
_LEEWAY = 60  # seconds that clocks may differ
_MOST_NAME = 100
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
_ROLES = (Role.ADMIN, Role.RESPONDER, Role.VIEWER)


class OidcFault(HealthmgrError):
    """Signing in by the provider did not work."""


@dataclass(frozen=True, slots=True)
class UnderWay:
    """Somebody who was sent to the provider: what has to come back with them."""

    nonce: str
    verifier: str
    next: str
    began: float


class Oidc:
    """One provider. `tick` gives seconds that only grow, `clock` those since the epoch."""

    def __init__(
        self,
        settings: Settings,
        tick: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not settings.oidc_client_id or not settings.public_url:
            raise SettingsError("HEALTHMGR_OIDC_ISSUER is set: set HEALTHMGR_OIDC_CLIENT_ID and HEALTHMGR_URL as well")
        self._settings = settings
        self._issuer = settings.oidc_issuer.rstrip("/")
        self._roles = _roles(settings)
        self._tick = tick
        self._clock = clock
        self._lock = threading.Lock()
        self._under_way: dict[str, UnderWay] = {}
        self._said: tuple[float, Mapping[str, Any], KeySet] | None = None

    @property
    def back(self) -> str:
        """Where people come back to."""
        return self._settings.public_url.rstrip("/") + "/login/oidc/done"

    def begin(self, wanted: str) -> tuple[str, str]:
        """Where to send somebody, and the state that their browser is to keep. Raises OidcFault."""
        provider, _ = self._provider()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        with self._lock, self._session() as session:
            now = self._tick()
            old = [key for key, one in self._under_way.items() if one.began < now - _UNDER_WAY_FOR]
            for key in old:
                del self._under_way[key]
            if len(self._under_way) >= _MOST_UNDER_WAY:
                raise OidcFault("Too many people sign in at once: try again soon")
            self._under_way[state] = UnderWay(nonce, verifier, wanted, now)
            address, _ = session.create_authorization_url(
                provider["authorization_endpoint"], state=state, code_verifier=verifier, nonce=nonce
            )
        return address, state

    def finish(self, state: str, kept: str, code: str) -> tuple[Principal, str]:
        """Who came back, and where they wanted to go. Raises OidcFault for all that does not fit."""
        with self._lock:
            under_way = self._under_way.pop(state, None)
        if under_way is None or not kept or not secrets.compare_digest(state, kept):
            raise OidcFault("This sign-in was not begun in this browser, or took too long: try again")
        if under_way.began < self._tick() - _UNDER_WAY_FOR:
            raise OidcFault("This sign-in took too long: try again")
        provider, keys = self._provider()
        try:
            with self._session() as session:
                told = session.fetch_token(
                    provider["token_endpoint"], code=code, code_verifier=under_way.verifier, timeout=_TIMEOUT
                )
        except Exception as error:  # Authlib raises many kinds, and what the provider said is in them
            log.warning("oidc_code_refused", error=type(error).__name__)
            raise OidcFault("The provider did not take the code back: try again") from error
        claims = self._claims(str(told.get("id_token", "")), keys, under_way.nonce)
        return self._principal(claims), under_way.next

    def _session(self) -> OAuth2Session:
        return OAuth2Session(
            self._settings.oidc_client_id,
            self._settings.oidc_client_secret or None,
            scope="openid profile email",
            redirect_uri=self.back,
            code_challenge_method="S256",
            token_endpoint_auth_method="client_secret_basic" if self._settings.oidc_client_secret else "none",
        )

    def _provider(self) -> tuple[Mapping[str, Any], KeySet]:
        """What the provider says of itself, and its keys."""
        said = self._said
        if said is not None and said[0] > self._tick() - _KEPT_FOR:
            return said[1], said[2]
        try:
            with self._session() as session:
                address = f"{self._issuer}/.well-known/openid-configuration"
                provider = session.get(address, withhold_token=True, timeout=_TIMEOUT).json()
                keys = session.get(provider["jwks_uri"], withhold_token=True, timeout=_TIMEOUT).json()
            if str(provider.get("issuer", "")).rstrip("/") != self._issuer:
                raise OidcFault(f"The provider calls itself {provider.get('issuer')!r}, not {self._issuer!r}")
            found = KeySet.import_key_set(keys)
        except (RequestException, json.JSONDecodeError, KeyError, TypeError, JoseError) as error:
            log.warning("oidc_provider_away", error=str(error))
            raise OidcFault(f"{urlsplit(self._issuer).netloc} does not answer as a provider does") from error
        self._said = (self._tick(), provider, found)
        return provider, found

    def _claims(self, token: str, keys: KeySet, nonce: str) -> Mapping[str, Any]:
        try:
            claims: dict[str, Any] = jwt.decode(token, keys, algorithms=_ALGORITHMS).claims
            rules = jwt.JWTClaimsRegistry(
                now=int(self._clock()),
                leeway=_LEEWAY,
                iss={"essential": True},
                aud={"essential": True, "value": self._settings.oidc_client_id},
                exp={"essential": True},
                sub={"essential": True},
                nonce={"essential": True, "value": nonce},
            )
            rules.validate(claims)
        except (JoseError, ValueError) as error:
            self._said = None  # its keys may have changed
            log.warning("oidc_token_refused", error=str(error))
            raise OidcFault("What the provider says of you does not hold: try again") from error
        authorized = claims.get("azp")
        if str(claims["iss"]).rstrip("/") != self._issuer or authorized not in (None, self._settings.oidc_client_id):
            raise OidcFault("What the provider says of you is meant for somebody else")
        return claims

    def _principal(self, claims: Mapping[str, Any]) -> Principal:
        names = (claims.get(name) for name in ("preferred_username", "email", "sub"))
        name = next(str(found) for found in names if found)[:_MOST_NAME]
        value = claims.get(self._settings.oidc_role_claim, ())
        held = {str(one) for one in value} if isinstance(value, list | tuple) else {str(value)}
        roles = [role for said, role in self._roles if said in held or said == "*"]
        role = next((role for role in _ROLES if role in roles), None)
        if role is None:
            raise OidcFault(f"{name} has no role here: an administrator gives one by HEALTHMGR_OIDC_ROLES")
        return Principal("".join(letter for letter in name if letter.isprintable()), role)


def _roles(settings: Settings) -> list[tuple[str, Role]]:
    found = []
    for text in settings.oidc_roles:
        said, _, role = text.rpartition("=")
        if not said.strip() or role.strip() not in _ROLES:
            raise SettingsError(f"HEALTHMGR_OIDC_ROLES: {text!r}: write VALUE=ROLE, as sre=responder or *=viewer")
        found.append((said.strip(), Role(role.strip())))
    return found
