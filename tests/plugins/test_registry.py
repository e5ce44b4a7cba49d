"""Plugins are found, told apart and reported."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from healthmgr.checks.tcp import TcpCheck
from healthmgr.errors import PluginError, UnknownPlugin
from healthmgr.ports import CheckType
from healthmgr.registry import CHECKS, Plugins, Registry


def plugins(**values: str) -> Plugins[CheckType]:
    return Plugins("check type", CheckType, [EntryPoint(kind, value, CHECKS) for kind, value in values.items()])


def test_the_built_in_kinds_are_installed_like_anybody_elses() -> None:
    registry = Registry.load()
    assert {"http", "tcp", "postgres", "redis", "host", "celery", "heartbeat", "python"} <= set(registry.check_kinds())
    assert {"email", "webhook"} <= set(registry.channel_kinds())


def test_one_instance_serves_a_kind() -> None:
    registry = Registry.load()
    assert registry.check_type("tcp") is registry.check_type("tcp")
    assert isinstance(registry.check_type("tcp"), TcpCheck)


def test_an_unknown_kind_names_the_nearest_and_what_there_is() -> None:
    with pytest.raises(UnknownPlugin, match=r"no check type 'postgress'\. Did you mean 'postgres'\?.*heartbeat.*tcp"):
        Registry.load().check_type("postgress")
    with pytest.raises(UnknownPlugin, match=r"no channel 'e-mail'.*'email'"):
        Registry.load().channel("e-mail")


def test_a_plugin_that_cannot_be_imported_is_reported_only_to_who_uses_it() -> None:
    found = plugins(broken="no_such_package.checks:Check", tcp="healthmgr.checks.tcp:TcpCheck")
    assert found.kinds() == ("broken", "tcp")
    assert found.get("tcp").kind == "tcp"
    with pytest.raises(
        PluginError, match=r"'broken' \(no_such_package.checks:Check\) cannot be loaded: ModuleNotFound"
    ):
        found.get("broken")


def test_a_plugin_of_another_shape_or_kind_is_refused() -> None:
    with pytest.raises(PluginError, match="not usable"):
        plugins(decimal="decimal:Decimal").get("decimal")
    with pytest.raises(PluginError, match="kind = 'udp'"):
        plugins(udp="healthmgr.checks.tcp:TcpCheck").get("udp")


def test_two_packages_that_offer_one_kind_are_named() -> None:
    rivals = [EntryPoint("tcp", value, CHECKS) for value in ("healthmgr.checks.tcp:TcpCheck", "theirs:TcpCheck")]
    with pytest.raises(PluginError, match=r"healthmgr\.checks\.tcp:TcpCheck and theirs:TcpCheck"):
        Plugins("check type", CheckType, rivals).get("tcp")
