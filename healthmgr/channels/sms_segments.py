"""How many segments a text message has, which is what it costs, and how to need fewer. Pure.

Sources: 3GPP TS 23.038 (the default alphabet of 7 bits, its extension table, UCS-2) and TS 23.040 (the header that
parts of a longer message carry, which leaves 153 or 67 of 160 or 70 places).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("\f^{}\\[~]|€")  # behind an escape: two places each
_GSM_ALONE, _GSM_PART = 160, 153
_UCS2_ALONE, _UCS2_PART = 70, 67

# A sign, and what stands for it.
_LIKENESSES = (
    "…... →-> ←<- ⇒=> ≥>= ≤<= ≠!= ≈~ ±+- ×x µu μu °deg ⁄/ ✓OK ✔OK ✅OK ✗X ✘X ❌X ⚠! "
    "łl ŁL đd ĐD œoe ŒOE ıi ðd ÐD þth ÞTh ẞß"
)
_REPLACEMENTS: Mapping[str, str] = {
    **dict.fromkeys("‘’‚‛′`´", "'"),
    **dict.fromkeys("“”„‟«»″", '"'),
    **dict.fromkeys("‐‑‒–—―−·•‣", "-"),
    **{each[0]: each[1:] for each in _LIKENESSES.split()},
}
# Joiners and the choice between a coloured and a plain sign: they mean nothing without what they stand beside.
_INVISIBLE = frozenset("\u200b\u200c\u200d\u2060\ufe0e\ufe0f\u00ad")


def folded(text: str) -> str:
    """The text in the 7-bit alphabet where that harms nothing, else as it is.

    Typographic signs become plain ones, accents that the alphabet lacks are dropped, pictures become "?". A text
    with a letter or number that has no such likeness (Cyrillic, Chinese) stays whole.
    """
    pieces = []
    for character in text:
        piece = _likeness(character)
        if piece is None:
            return text
        pieces.append(piece)
    return "".join(pieces)


def segments(text: str) -> int:
    """How many segments the text takes, 0 for an empty one; an escaped or double character is never divided."""
    is_gsm = all(character in _BASIC or character in _EXTENDED for character in text)
    if is_gsm:
        return _count((2 if character in _EXTENDED else 1 for character in text), _GSM_ALONE, _GSM_PART)
    return _count((2 if ord(character) > 0xFFFF else 1 for character in text), _UCS2_ALONE, _UCS2_PART)


def _likeness(character: str) -> str | None:
    """What stands for the character in the 7-bit alphabet; None where nothing does."""
    if character in _BASIC or character in _EXTENDED:
        return character
    if character in _REPLACEMENTS:
        return _REPLACEMENTS[character]
    if character in _INVISIBLE:
        return ""
    parts = [part for part in unicodedata.normalize("NFKD", character) if not unicodedata.combining(part)]
    plain = "".join(_REPLACEMENTS.get(part, part) for part in parts)
    if plain and all(part in _BASIC or part in _EXTENDED for part in plain):
        return plain
    return None if unicodedata.category(character)[0] in "LMN" else "?"


def _count(sizes: Iterable[int], alone: int, part: int) -> int:
    places = [*sizes]
    if sum(places) <= alone:
        return 1 if places else 0
    count, left = 1, part
    for size in places:
        if size > left:
            count, left = count + 1, part
        left -= size
    return count
