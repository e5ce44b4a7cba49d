"""A backtest as a picture: the series, what was expected, what would have been told; SVG, drawn by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape

from healthmgr.domain.anomaly_backtest import Backtest, Happening, Judged

_WIDTH, _HEIGHT = 1200, 460
_FONT = 'font-family="sans-serif" font-size="12"'
_LEFT, _RIGHT = 70, 20
_TOP, _BOTTOM = 40, 300  # of the series
_SCORES_TOP, _SCORES_BOTTOM = 330, 420
_MOST_SCORE = 20.0
_TICKS = 6
_MOST_COLUMNS = _WIDTH - _LEFT - _RIGHT


def svg(found: Backtest, title: str) -> str:
    """The picture as a document of its own. A title on each mark says what would have been told."""
    points = found.points
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" {_FONT}>',
        f"<title>{escape(title)}</title>",
        '<rect width="100%" height="100%" fill="#fff"/>',
        f'<text x="{_LEFT}" y="22" font-size="15" fill="#222">{escape(title)}</text>',
    ]
    if points:
        parts.extend(_series(found, _Scale(points)))
    else:
        parts.append(f'<text x="{_LEFT}" y="{_TOP + 40}" fill="#555">nothing was measured</text>')
    return "\n".join([*parts, "</svg>", ""])


class _Scale:
    """Where times and values lie in the picture. What is expected widens it by no more than the values' own span."""

    def __init__(self, points: Sequence[Judged]) -> None:
        self._begin = points[0].at
        self._length = max((points[-1].at - points[0].at).total_seconds(), 1.0)
        low, high = min(p.value for p in points), max(p.value for p in points)
        margin = (high - low) * 0.05 or abs(high) * 0.05 or 1.0
        self.low, self.high = low - margin, high + margin

    def x(self, at: datetime) -> float:
        return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * (at - self._begin).total_seconds() / self._length, 1)

    def y(self, value: float) -> float:
        held = min(self.high, max(self.low, value))
        return round(_BOTTOM - (_BOTTOM - _TOP) * (held - self.low) / (self.high - self.low), 1)


def _series(found: Backtest, scale: _Scale) -> Iterable[str]:
    columns = list(_columns(found.points, scale))
    yield from _frame(found, scale)
    yield from _band(columns, scale)
    line = " ".join(f"{x},{scale.y(v)}" for x, run in columns for v in _ends(run))
    yield f'<polyline points="{line}" fill="none" stroke="#1f5fa8" stroke-width="1"/>'
    strip = " ".join(f"{x},{_score_y(max(p.judgement.score for p in run))}" for x, run in columns)
    yield f'<polyline points="{strip}" fill="none" stroke="#888" stroke-width="1"/>'
    for happening in found.happenings:
        yield from _mark(happening, scale)


def _columns(points: Sequence[Judged], scale: _Scale) -> Iterable[tuple[float, Sequence[Judged]]]:
    """The points in runs, one for each column of the picture: more of them could not be seen."""
    each = max(1, -(-len(points) // _MOST_COLUMNS))
    for number in range(0, len(points), each):
        run = points[number : number + each]
        yield scale.x(run[0].at), run


def _ends(run: Sequence[Judged]) -> Iterable[float]:
    """Lowest and highest of a column, so that no spike gets lost."""
    values = [p.value for p in run]
    return (values[0],) if len(values) == 1 else (min(values), max(values))


def _band(columns: Sequence[tuple[float, Sequence[Judged]]], scale: _Scale) -> Iterable[str]:
    expected = [(x, run[0].judgement.expected) for x, run in columns]
    upper = [f"{x},{scale.y(band[1])}" for x, band in expected if band is not None]
    lower = [f"{x},{scale.y(band[0])}" for x, band in expected if band is not None]
    if upper:
        yield f'<polygon points="{" ".join([*upper, *reversed(lower)])}" fill="#1f5fa8" fill-opacity="0.13"/>'


def _mark(happening: Happening, scale: _Scale) -> Iterable[str]:
    x = scale.x(happening.begin)
    width = max(2.0, round(scale.x(happening.end) - x, 1))
    said = escape(f"{happening.begin:%Y-%m-%d %H:%M}: {happening.words} (score {happening.score:.1f})")
    yield (
        f'<g fill="#c62828"><title>{said}</title>'
        f'<rect x="{x}" y="{_TOP}" width="{width}" height="{_BOTTOM - _TOP}" fill-opacity="0.18"/>'
        f'<circle cx="{x}" cy="{scale.y(happening.value)}" r="4"/></g>'
    )


def _frame(found: Backtest, scale: _Scale) -> Iterable[str]:
    for share in (0.0, 0.5, 1.0):
        value = scale.low + (scale.high - scale.low) * share
        y = scale.y(value)
        yield f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}" stroke="#ddd"/>'
        yield f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end" fill="#555">{value:.3g}</text>'
    begin, end = found.points[0].at, found.points[-1].at
    for tick in range(_TICKS + 1):
        at = begin + (end - begin) * tick / _TICKS
        anchor = "end" if tick == _TICKS else "middle" if tick else "start"
        said = f"{at:%Y-%m-%d %H:%M}"
        yield f'<text x="{scale.x(at)}" y="{_HEIGHT - 14}" text-anchor="{anchor}" fill="#555">{said}</text>'
    y = _score_y(found.threshold)
    yield f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}" stroke="#c62828" stroke-dasharray="4 4"/>'
    yield f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end" fill="#c62828">{found.threshold:g}</text>'
    yield f'<text x="{_LEFT - 6}" y="{_SCORES_BOTTOM + 4}" text-anchor="end" fill="#555">score 0</text>'


def _score_y(score: float) -> float:
    share = min(score, _MOST_SCORE) / _MOST_SCORE
    return round(_SCORES_BOTTOM - (_SCORES_BOTTOM - _SCORES_TOP) * share, 1)
