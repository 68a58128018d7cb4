"""Charts as SVG text, to be put into a page as it is.

Nothing in it has a style or a colour: the page's own stylesheet does that by class, so that a
strict Content-Security-Policy holds and dark and light are the page's business (``STYLE`` is what
such a sheet needs). A chart is an image with a title and a description for those who cannot see it;
``table`` is the same figures for everybody.
"""

import math
import re
import zlib
from collections.abc import Sequence
from decimal import Decimal
from html import escape
from itertools import pairwise

Point = tuple[str, Decimal | int]

# In the colours of ``--ink`` (text), ``--soft`` (axes), ``--line`` (grid), ``--accent`` (figures).
STYLE = """\
.chart { display: block; width: 100%; max-width: 45rem; height: auto; font: 12px/1 sans-serif; }
.chart text { fill: var(--soft); }
.chart .value { fill: var(--ink); }
.chart .grid { stroke: var(--line); stroke-width: 1; }
.chart .axis { stroke: var(--soft); stroke-width: 1; }
.chart .bar, .chart .dot { fill: var(--accent); }
.chart .line { fill: none; stroke: var(--accent); stroke-width: 2; stroke-linejoin: round; }
@media (max-width: 44rem) { .chart { font-size: 17px; } }
@media print { .chart { break-inside: avoid; } }
"""

_WIDTH, _HEIGHT = 720, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 72, 12, 26, 30
_INNER_WIDTH, _INNER_HEIGHT = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
_STEPS = (1, 2, 5, 10)
_MOST_TICKS = 5
# What fits below the chart, in pixels a letter (of a small screen); how many values above the bars.
_LETTER, _MOST_VALUES = 10, 12


def bars(title: str, points: Sequence[Point], *, unit: str = "") -> str:
    """Return a chart of one bar a point.

    Args:
        title: what it shows; charts of one page have different ones.
        points: (label, value) from left to right; values may be negative.
        unit: of the values, such as ``copies`` or ``EUR``.
    """
    scale = _Scale([value for _, value in points])
    slot = _INNER_WIDTH / max(len(points), 1)
    wide = max(slot * 0.7, 1.0)
    zero, drawn = scale.y(0), []
    for number, (label, value) in enumerate(points):
        x, y = _LEFT + slot * (number + 0.5), scale.y(value)
        top, high = min(y, zero), abs(y - zero)
        hover = f"<title>{escape(_said(label, value, unit))}</title>"
        drawn.append(
            f'<rect class="bar" x="{x - wide / 2:.1f}" y="{top:.1f}" width="{wide:.1f}" '
            f'height="{high:.1f}">{hover}</rect>'
        )
        if value and len(points) <= _MOST_VALUES:
            drawn.append(_text(x, top - 5, shown(value), "middle", "value"))
    return _svg(title, points, unit, scale, slot, "".join(drawn))


def lines(title: str, points: Sequence[Point], *, unit: str = "") -> str:
    """Return a chart of one line through all points; arguments as of ``bars``."""
    scale = _Scale([value for _, value in points])
    slot = _INNER_WIDTH / max(len(points), 1)
    places = [(_LEFT + slot * (n + 0.5), scale.y(v)) for n, (_, v) in enumerate(points)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dots = "".join(
        f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="3">'
        f"<title>{escape(_said(label, value, unit))}</title></circle>"
        for (x, y), (label, value) in zip(places, points, strict=True)
    )
    drawn = f'<polyline class="line" points="{path}"/>{dots}' if points else ""
    return _svg(title, points, unit, scale, slot, drawn)


def table(title: str, points: Sequence[Point], *, unit: str = "", label: str = "") -> str:
    """Return the figures of a chart as an HTML table with a caption; ``label`` heads the labels."""
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td class="amount">{shown(value)}</td></tr>'
        for name, value in points
    )
    head = f'<th scope="col">{escape(label)}</th><th scope="col" class="amount">{escape(unit)}</th>'
    return (
        f"<table><caption>{escape(title)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )


def shown(value: Decimal | int) -> str:
    """Return a number as people read it: thousands apart, no fraction that is not there."""
    return f"{value:,}"


class _Scale:
    """From values to heights: from 0 (or below) up to a round number, in few round steps."""

    def __init__(self, values: Sequence[Decimal | int]) -> None:
        least, most = min([*values, 0]), max([*values, 0])
        step = _round_step((most - least) or 1)
        low, high = math.floor(Decimal(least) / step), math.ceil(Decimal(most) / step)
        self.ticks = [step * n for n in range(low, max(high, low + 1) + 1)]

    def y(self, value: Decimal | int) -> float:
        low, high = self.ticks[0], self.ticks[-1]
        return _TOP + _INNER_HEIGHT * float((high - value) / Decimal(high - low))


def _round_step(span: Decimal | int) -> Decimal | int:
    """Return a step of 1, 2 or 5 times a power of ten that divides a span into few parts.

    Whole numbers are never divided further than by 1.
    """
    smallest = Decimal(1)
    if not isinstance(span, int) and span < _MOST_TICKS:
        smallest = Decimal(10) ** (Decimal(span).adjusted() - 1)
    step = max(smallest, Decimal(10) ** (Decimal(span).adjusted() - 1))
    step = next(step * times for times in (*_STEPS, 20) if step * times * _MOST_TICKS >= span)
    return int(step) if step == int(step) else step.normalize()


def _svg(
    title: str, points: Sequence[Point], unit: str, scale: _Scale, slot: float, drawn: str
) -> str:
    name = _name(title)
    grid = "".join(_tick(tick, scale.y(tick)) for tick in scale.ticks)
    return (
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-desc">{escape(_described(points, unit))}</desc>'
        f'<g aria-hidden="true">{grid}{_labels(points, slot)}{drawn}'
        f"{_text(_LEFT, 14, unit, 'start')}</g></svg>"
    )


def _tick(value: Decimal | int, y: float) -> str:
    kind = "grid" if value else "axis"
    line = f'<line class="{kind}" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
    return line + _text(_LEFT - 6, y + 4, shown(value) if value else "0", "end")


def _labels(points: Sequence[Point], slot: float) -> str:
    """Return the labels below; of so many that they would touch, only each so many-th."""
    longest = max((len(label) for label, _ in points), default=0)
    each = max(1, -(-int((longest + 1) * _LETTER) // max(int(slot), 1)))
    return "".join(
        _text(_LEFT + slot * (number + 0.5), _HEIGHT - 10, label, "middle")
        for number, (label, _) in enumerate(points)
        if number % each == 0
    )


def _text(x: float, y: float, text: str, anchor: str, kind: str = "label") -> str:
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
    )


def _described(points: Sequence[Point], unit: str) -> str:
    """Return in words what the chart shows, for who does not see it."""
    if not points:
        return "No figures."
    first, last = points[0], points[-1]
    most, least = max(points, key=lambda p: p[1]), min(points, key=lambda p: p[1])
    if len(points) == 1:
        return f"{_said(*first, unit)}."
    rising = all(one[1] <= two[1] for one, two in pairwise(points))
    course = " It never falls." if rising and least[1] != most[1] else ""
    return (
        f"{len(points)} figures, from {_said(*first, unit)} to {_said(*last, unit)}. "
        f"The most is {_said(*most, unit)}, the least {_said(*least, unit)}.{course}"
    )


def _said(label: str, value: Decimal | int, unit: str) -> str:
    return f"{label}: {shown(value)} {unit}".rstrip()


def _name(title: str) -> str:
    """Return an id made of a title: the same for the same one, and of another another."""
    words = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:30]
    return f"chart-{words}-{zlib.crc32(title.encode()):08x}"
