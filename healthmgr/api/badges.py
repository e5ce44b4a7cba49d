"""Badges: a word and a value as a small picture for other sites."""

from __future__ import annotations

from html import escape

from healthmgr.domain.status_page import Standing

_COLOURS = {
    Standing.OPERATIONAL: "#1b7a4b",
    Standing.MAINTENANCE: "#2457c5",
    Standing.DEGRADED: "#8f5f00",
    Standing.PARTIAL: "#b3541e",
    Standing.OUTAGE: "#c4243b",
    Standing.UNKNOWN: "#5b6067",
}
_NARROW, _WIDE = "fijlrtI.,:;'|!()[] ", "mwMW@%"
_MOST = 60  # characters
_EDGE = 7  # pixels beside a text


def badge_svg(label: str, value: str, colour: str) -> str:
    """The picture. Its text is told to screen readers as well."""
    label = label if len(label) <= _MOST else label[: _MOST - 1] + "…"
    left, right = _width(label), _width(value)
    whole = left + right
    said = escape(f"{label}: {value}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="20" role="img" aria-label="{said}">'
        f"<title>{said}</title>"
        f'<clipPath id="r"><rect width="{whole}" height="20" rx="4"/></clipPath><g clip-path="url(#r)">'
        f'<rect width="{left}" height="20" fill="#3b4048"/>'
        f'<rect x="{left}" width="{right}" height="20" fill="{colour}"/></g>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">'
        f'<text x="{left / 2}" y="14" textLength="{left - 2 * _EDGE}">{escape(label)}</text>'
        f'<text x="{left + right / 2}" y="14" textLength="{right - 2 * _EDGE}">{escape(value)}</text></g></svg>'
    )


def standing_colour(standing: Standing) -> str:
    """The colour of how something stands."""
    return _COLOURS[standing]


def uptime_colour(uptime: float | None) -> str:
    """The colour of an uptime."""
    if uptime is None:
        return _COLOURS[Standing.UNKNOWN]
    for least, standing in ((0.999, Standing.OPERATIONAL), (0.99, Standing.DEGRADED), (0.95, Standing.PARTIAL)):
        if uptime >= least:
            return _COLOURS[standing]
    return _COLOURS[Standing.OUTAGE]


def _width(text: str) -> int:
    return 2 * _EDGE + round(sum(4.2 if c in _NARROW else 10 if c in _WIDE else 7 for c in text))
