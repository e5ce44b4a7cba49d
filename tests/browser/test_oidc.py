"""Signing in by OpenID Connect, at a small provider of our own that keeps to the rules, or breaks one of them."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import RSAKey
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from healthmgr.bootstrap import Healthmgr
from healthmgr.dashboard.oidc import Oidc
from healthmgr.dashboard.oidc_door import oidc_router, provider_of
from healthmgr.dashboard.signing_in import COOKIE, Door
from healthmgr.errors import SettingsError
from healthmgr.settings import Settings
from tests.serving import ServedApp

CLIENT, SECRET = "healthmgr", "s3cret"
KEY, OTHER = RSAKey.generate_key(2048, {"kid": "1"}), RSAKey.generate_key(2048, {"kid": "1"})


class Provider:
    """What a provider does; `claims` and `key` are changed by tests that break a rule."""

    def __init__(self, server: HTTPServer) -> None:
        self.issuer = server.url_for("").rstrip("/")
        self.claims: dict[str, Any] = {"groups": ["staff", "sre"]}
        self.key = KEY
        self.codes: dict[str, dict[str, str]] = {}
        server.expect_request("/.well-known/openid-configuration").respond_with_json(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
            }
        )
        server.expect_request("/keys").respond_with_json({"keys": [KEY.as_dict(private=False)]})
        server.expect_request("/token", method="POST").respond_with_handler(self._token)

    def sign_in(self, address: str) -> dict[str, str]:
        """Somebody signs in there: what they are sent back with."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert (asked["response_type"], asked["client_id"]) == ("code", CLIENT)
        assert asked["code_challenge_method"] == "S256"
        self.codes["code-1"] = asked
        return {"code": "code-1", "state": asked["state"]}

    def _token(self, request: Request) -> Response:
        form = request.form
        asked = self.codes.pop(form["code"], None)
        basic = base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode()
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if asked is None or basic != f"{CLIENT}:{SECRET}" or challenge != asked["code_challenge"]:
            return Response(json.dumps({"error": "invalid_grant"}), 400, mimetype="application/json")
        now = int(time.time())
        claims = {
            "iss": self.issuer, "aud": CLIENT, "sub": "42", "iat": now, "exp": now + 300, "nonce": asked["nonce"],
            "preferred_username": "ada", **self.claims,
        }  # fmt: skip
        token = jwt.encode({"alg": "RS256", "kid": "1"}, claims, self.key)
        said = {"access_token": "a", "token_type": "Bearer", "expires_in": 300, "id_token": token}
        return Response(json.dumps(said), mimetype="application/json")


@pytest.fixture
def provider(httpserver: HTTPServer) -> Provider:
    return Provider(httpserver)


@pytest.fixture
def door(provider: Provider, healthmgr: Healthmgr) -> Iterator[str]:
    """The doors of an installation that goes by this provider."""
    given = {
        "HEALTHMGR_OIDC_ISSUER": provider.issuer, "HEALTHMGR_OIDC_CLIENT_ID": CLIENT,
        "HEALTHMGR_OIDC_CLIENT_SECRET": SECRET, "HEALTHMGR_URL": "http://hm.example.com",
        "HEALTHMGR_OIDC_ROLES": "sre=responder, *=viewer",
    }  # fmt: skip
    settings = Settings.load(given)
    known = provider_of(settings)
    assert isinstance(known, Oidc)
    app = FastAPI()
    told = replace(healthmgr, settings=settings)
    app.include_router(oidc_router(told, known, Door(told, has_provider=True)))
    server = ServedApp(app)
    server.start()
    yield server.url
    server.stop()


def walk(door: str, provider: Provider, **changed: str) -> requests.Response:
    """Out to the provider, and back with what it says."""
    with requests.Session() as browser:
        out = browser.get(f"{door}/login/oidc?next=/ui/incidents", allow_redirects=False, timeout=10)
        assert out.status_code == 303, out.text
        back = provider.sign_in(out.headers["location"]) | changed
        return browser.get(f"{door}/login/oidc/done", params=back, allow_redirects=False, timeout=10)


def test_whom_the_provider_signs_in_comes_where_they_wanted_with_the_role_of_their_group(
    door: str, provider: Provider, healthmgr: Healthmgr
) -> None:
    answer = walk(door, provider)
    assert (answer.status_code, answer.headers["location"]) == (303, "/ui/incidents"), answer.text
    session = healthmgr.sessions.find(answer.cookies[COOKIE], healthmgr.now())
    assert session is not None
    assert (session.name, session.role.value, session.method) == ("ada", "responder", "oidc")


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"aud": "another"},
        {"azp": "another"},
        {"iss": "https://another.example.com"},
        {"exp": 1},
        {"sub": None},
    ],
    ids=str,
)
def test_what_the_provider_says_of_somebody_else_lets_nobody_in(
    door: str, provider: Provider, healthmgr: Healthmgr, claims: dict[str, Any]
) -> None:
    provider.claims |= claims
    answer = walk(door, provider)
    assert (answer.status_code, COOKIE in answer.cookies) == (401, False)
    assert healthmgr.sessions.list(healthmgr.now()) == []


def test_a_token_that_somebody_else_signed_lets_nobody_in(door: str, provider: Provider) -> None:
    provider.key = OTHER
    assert walk(door, provider).status_code == 401


@pytest.mark.parametrize("changed", [{"state": "forged"}, {"state": ""}, {"code": "forged"}], ids=str)
def test_a_way_back_that_was_not_begun_here_lets_nobody_in(
    door: str, provider: Provider, changed: dict[str, str]
) -> None:
    assert walk(door, provider, **changed).status_code == 401


def test_a_state_of_another_browser_lets_nobody_in_and_holds_once(door: str, provider: Provider) -> None:
    out = requests.get(f"{door}/login/oidc", allow_redirects=False, timeout=10)
    back = provider.sign_in(out.headers["location"])
    stolen = requests.get(f"{door}/login/oidc/done", params=back, allow_redirects=False, timeout=10)
    assert stolen.status_code == 401
    again = requests.get(f"{door}/login/oidc/done", params=back, cookies=out.cookies, allow_redirects=False, timeout=10)
    assert again.status_code == 401


def test_who_has_no_role_is_told_so(door: str, provider: Provider) -> None:
    provider.claims["groups"] = "nobody"
    answer = walk(door, provider)
    assert answer.status_code == 303  # everybody is a viewer
    given = {"HEALTHMGR_OIDC_ISSUER": provider.issuer, "HEALTHMGR_OIDC_CLIENT_ID": CLIENT, "HEALTHMGR_URL": "http://x"}
    strict = Oidc(Settings.load(given))
    with pytest.raises(Exception, match="ada has no role here"):
        strict._principal({"preferred_username": "ada", "groups": ["sre"]})


@pytest.mark.parametrize(
    ("over", "said"),
    [
        ({"HEALTHMGR_OIDC_CLIENT_ID": ""}, "set HEALTHMGR_OIDC_CLIENT_ID"),
        ({"HEALTHMGR_OIDC_ROLES": "sre=king"}, "write VALUE=ROLE"),
    ],
)
def test_settings_that_cannot_work_are_said(over: dict[str, str], said: str) -> None:
    given = {"HEALTHMGR_OIDC_ISSUER": "http://x", "HEALTHMGR_OIDC_CLIENT_ID": "c", "HEALTHMGR_URL": "http://x"} | over
    with pytest.raises(SettingsError, match=said):
        provider_of(Settings.load(given))
