"""Charts: what they draw, and that a strict page can hold them."""

import re
from decimal import Decimal
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest

from bookstore.services import charts

MONTHS = [(f"2026-{month:02}", month * 7) for month in range(1, 13)]
SVG = charts.bars, charts.lines


def _tags(svg: str, name: str) -> list[ET.Element]:
    return list(ET.fromstring(svg).iter(name))


@pytest.mark.parametrize("draw", SVG)
def test_an_image_with_words_and_nothing_a_policy_forbids(draw):
    svg = draw('Sold <"of"> R&D', [('<img onerror="x">', 3), ("b", Decimal("2.50"))], unit="EUR")
    root = ET.fromstring(svg)
    titled, described = root.get("aria-labelledby", "").split()
    assert root.get("role") == "img"
    assert [one.text for one in root.iter("title") if one.get("id") == titled] == [
        'Sold <"of"> R&D'
    ]
    [words] = [one.text for one in root.iter("desc") if one.get("id") == described]
    assert words.startswith('2 figures, from <img onerror="x">: 3 EUR to b: 2.50 EUR.')
    assert not re.search(r"<(style|script|img)|style=|fill=|stroke=|#[0-9a-f]{3}", svg)


def test_bars_are_as_high_as_their_values():
    bars = _tags(charts.bars("Copies", MONTHS), "rect")
    highs = [float(bar.get("height", 0)) for bar in bars]
    assert [round(high / highs[0]) for high in highs] == list(range(1, 13))


def test_a_fall_below_zero_hangs_from_the_axis():
    up, down = _tags(charts.bars("Movements", [("in", 40), ("out", -13)]), "rect")
    foot = float(up.get("y", 0)) + float(up.get("height", 0))
    assert foot == pytest.approx(float(down.get("y", 0)), abs=0.11)


@pytest.mark.parametrize("draw", SVG)
@pytest.mark.parametrize(
    ("points", "ticks"),
    [
        ([], ["0", "1"]),
        ([("a", 0)], ["0", "1"]),
        ([("a", 1)], ["0", "1"]),
        ([("a", 3), ("b", 0)], ["0", "1", "2", "3"]),
        ([("a", 12_345)], ["0", "5,000", "10,000", "15,000"]),
        ([("a", Decimal("0.04"))], ["0", "0.01", "0.02", "0.03", "0.04"]),
        ([("a", Decimal("1999.99"))], ["0", "500", "1,000", "1,500", "2,000"]),
        ([("a", -7), ("b", 2)], ["-8", "-6", "-4", "-2", "0", "2"]),
    ],
)
def test_an_axis_has_few_round_steps_that_hold_all(draw, points, ticks):
    svg = draw("Axis", points)
    found = [t.text for t in _tags(svg, "text") if t.get("text-anchor") == "end"]
    assert found == ticks


def test_labels_that_would_touch_are_thinned_out():
    days = [(f"2026-01-{day:02}", day) for day in range(1, 31)]
    svg = charts.lines("Days", days)
    below = [t for t in _tags(svg, "text") if t.get("y") == "250.0"]
    places = [float(t.get("x", 0)) for t in below]
    assert 4 <= len(below) < 30
    assert min(b - a for a, b in pairwise(places)) > 10 * len("2026-01-01")


def test_the_table_says_the_same():
    text = charts.table("Copies", [("a&b", 1200)], unit="copies", label="Month")
    assert "<caption>Copies</caption>" in text
    assert '<th scope="row">a&amp;b</th><td class="amount">1,200</td>' in text


def test_charts_of_one_page_have_ids_of_their_own():
    one, two = (charts.bars(title, MONTHS) for title in ("Copies é", "Copies è"))
    assert set(re.findall(r'id="([^"]+)"', one)).isdisjoint(re.findall(r'id="([^"]+)"', two))
