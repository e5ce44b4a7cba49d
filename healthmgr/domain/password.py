"""Passwords: kept as scrypt's hash with the numbers that it was made by, so that those can grow."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from functools import lru_cache

SHORTEST, LONGEST = 12, 200  # characters
COST, BLOCKS, LANES = 2**15, 8, 1  # 32 MiB and about 50 ms for each try
_SALT_BYTES, _HASH_BYTES = 16, 32


def fault_of(password: str, name: str) -> str:
    """What is wrong with it as a new password; "" where nothing is."""
    if len(password) < SHORTEST:
        return f"needs {SHORTEST} characters at least: a few words are easily remembered"
    if len(password) > LONGEST:
        return f"has more than {LONGEST} characters"
    if len(set(password)) < 5:
        return "repeats itself"
    if name and name.lower() in password.lower():
        return "holds the name"
    return ""


def hashed(password: str) -> str:
    """What is kept of it: it cannot be read from that."""
    salt = secrets.token_bytes(_SALT_BYTES)
    parts = (_text(salt), _text(_scrypt(password, salt, COST, BLOCKS, LANES)))
    return f"scrypt${COST}${BLOCKS}${LANES}${'$'.join(parts)}"


def is_right(password: str, kept: str | None) -> bool:
    """Whether this is the password of which that was kept. With nothing kept it takes as long, and is wrong."""
    _, cost, blocks, lanes, salt, wanted = (kept or _of_nobody()).split("$")
    found = _scrypt(password, _bytes(salt), int(cost), int(blocks), int(lanes))
    return hmac.compare_digest(found, _bytes(wanted)) and kept is not None


def is_outdated(kept: str) -> bool:
    """Whether it was made by other numbers than those of today."""
    return not kept.startswith(f"scrypt${COST}${BLOCKS}${LANES}$")


def _scrypt(password: str, salt: bytes, cost: int, blocks: int, lanes: int) -> bytes:
    memory = 128 * blocks * (cost + lanes) * 2
    return hashlib.scrypt(
        password.encode("utf-8", "surrogatepass"),
        salt=salt,
        n=cost,
        r=blocks,
        p=lanes,
        maxmem=memory,
        dklen=_HASH_BYTES,
    )


@lru_cache(maxsize=1)
def _of_nobody() -> str:
    return hashed(secrets.token_urlsafe())


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)
