"""Text from outside (results, names, replies of servers) made safe to show: bounded, and without control characters."""

from __future__ import annotations

import re

# Control characters but tab and newline, lone surrogates (no UTF-8 for them), line separators, and the marks
# that turn the reading direction (they can make a text look like another one).
_UNWANTED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]+")
_SPACE = re.compile(r"\s+")
ELLIPSIS = "…"


def clean(text: str, most: int) -> str:
    """The text over as many lines as it has, at most `most` characters long; a cut is marked."""
    kept = text[: 2 * most]
    plain = _UNWANTED.sub("", kept.replace("\r\n", "\n").replace("\r", "\n")).strip()
    return _cut(plain, most, is_cut=len(kept) < len(text))


def one_line(text: str, most: int) -> str:
    """The text in one line, every run of white space and control characters one space; a cut is marked."""
    kept = text[: 2 * most]
    plain = _SPACE.sub(" ", _UNWANTED.sub(" ", kept)).strip()
    return _cut(plain, most, is_cut=len(kept) < len(text))


def web_address(text: str) -> str:
    """The text when it is an http(s) address that may become a link, else ""."""
    address = one_line(text, 2000)
    is_link = address.lower().startswith(("http://", "https://")) and not re.search(r"[\s<>\"'\\]", address)
    return address if is_link and not address.endswith(ELLIPSIS) else ""


def without(text: str, secrets: list[str]) -> str:
    """The text with every one of these secrets masked."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def _cut(text: str, most: int, *, is_cut: bool) -> str:
    if len(text) > most or is_cut:
        return text[: most - 1].rstrip() + ELLIPSIS
    return text
