"""`healthmgr webhooks`, as a person types it."""

from __future__ import annotations

from tests.cli.conftest import Terminal


def test_a_webhook_is_kept_tried_and_removed_from_a_terminal(terminal: Terminal) -> None:
    assert "There are no webhooks" in terminal("webhooks", "list").out
    said = terminal(
        "webhooks", "add", "https://hooks.example.com/x?k=1", "--type", "incident_opened", "--matcher", "a=b"
    )
    assert said.code == 0, said.err
    secret = said.out.strip()
    assert secret.startswith("whsec_")
    (webhook,) = terminal("webhooks", "list", "--json").json["items"]
    assert (webhook["types"], webhook["matchers"]) == (["incident_opened"], ['a="b"'])
    listed = terminal("webhooks", "list").out
    assert "enabled" in listed
    assert "k=1" not in listed
    name = webhook["id"]
    assert terminal("webhooks", "secret", name).out.strip() not in ("", secret)
    assert "It was told nothing yet" in terminal("webhooks", "deliveries", name).out
    delivery = terminal("webhooks", "test", name, "--json").json
    assert (delivery["type"], delivery["state"]) == ("test", "pending")
    assert "Ordered: " in terminal("webhooks", "redeliver", name, delivery["id"]).out
    assert delivery["id"] in terminal("webhooks", "deliveries", name).out
    assert "disabled (by_hand)" in terminal("webhooks", "disable", name).out
    assert "dropped (webhook_disabled)" in terminal("webhooks", "deliveries", name).out
    assert "is disabled" in terminal("webhooks", "test", name).err
    assert terminal("webhooks", "enable", name, "--json").json["is_enabled"]
    assert terminal("webhooks", "remove", name).out == f"Removed: {name}\n"
    assert "There is no webhook" in terminal("webhooks", "deliveries", name).err
    assert "is no event" in terminal("webhooks", "add", "https://hooks.example.com/", "--type", "x").err
