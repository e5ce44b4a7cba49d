"""What Slack shows of a message, and whether it would take it: its published limits, and its own library's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from slack_sdk.models.blocks import Block


def details(document: dict[str, Any]) -> list[dict[str, Any]]:
    return document["attachments"][0]["blocks"]


def texts(value: Any) -> Iterator[str]:
    """Every text of a document that Slack would show."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "text" and isinstance(inner, str):
                yield inner
            else:
                yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)


def shown(document: dict[str, Any]) -> str:
    return "\n".join(texts(details(document)))


def buttons(document: dict[str, Any]) -> dict[str, str]:
    found = [block["elements"] for block in details(document) if block["type"] == "actions"]
    return {button["text"]["text"]: button.get("url", "") for elements in found for button in elements}


def length(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def assert_within_limits(document: dict[str, Any]) -> None:
    """Block Kit's published limits, and the undocumented one on all text together."""
    blocks = [*document["blocks"], *(block for each in document["attachments"] for block in each["blocks"])]
    assert len(blocks) <= 50
    for block in blocks:
        _assert_block(block)
    assert sum(map(length, texts(document))) <= 11_000
    assert_slack_sdk_agrees(blocks)


def assert_slack_sdk_agrees(blocks: list[dict[str, Any]]) -> None:
    """Slack's own models read the blocks, find them valid, and write them as they were."""
    for block, model in zip(blocks, Block.parse_all(blocks), strict=True):
        assert model is not None
        for part in [model, *(getattr(model, "elements", None) or ())]:
            part.validate_json()
        assert model.to_dict() == block


def _assert_block(block: dict[str, Any]) -> None:
    match block["type"]:
        case "header":
            assert 1 <= length(block["text"]["text"]) <= 150
        case "section" if "text" in block:
            assert 1 <= length(block["text"]["text"]) <= 3000
        case "section":
            assert 1 <= len(block["fields"]) <= 10
            assert all(1 <= length(field["text"]) <= 2000 for field in block["fields"])
        case "context":
            assert 1 <= len(block["elements"]) <= 10
        case "actions":
            assert 1 <= len(block["elements"]) <= 25
            assert len({button["action_id"] for button in block["elements"]}) == len(block["elements"])
            for button in block["elements"]:
                _assert_button(button)
        case other:
            raise AssertionError(f"an unknown block: {other}")


def _assert_button(button: dict[str, Any]) -> None:
    assert 1 <= length(button["text"]["text"]) <= 75
    assert len(button["action_id"]) <= 255
    assert len(button.get("url", "")) <= 3000
    assert len(button.get("value", "")) <= 2000
    if "confirm" in button:
        most = {"title": 100, "text": 300, "confirm": 30, "deny": 30}
        assert all(1 <= length(button["confirm"][name]["text"]) <= limit for name, limit in most.items())
