"""Charts as SVG, small enough for the output of a notebook. Colours are readable on light and dark pages."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT = 440, 230
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 28, 34
INK, BLUE, RED, GREY = "#808080", "#3b82c4", "#d1603d", "#a0a0a0"


def money(dollars: float) -> str:
    """Dollars for an axis: $1.2M, −$35k, $900.

    >>> money(1_234_567), money(-35_400), money(900)
    ('$1.23M', '−$35.4k', '$900')
    """
    size, sign = abs(dollars), "−" if dollars < 0 else ""
    for unit, name in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if size >= unit:
            return f"{sign}${size / unit:.3g}{name}"
    return f"{sign}${size:.3g}"


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers within a range.

    >>> ticks(0, 97)
    [0.0, 20.0, 40.0, 60.0, 80.0]
    """
    span = high - low
    if not span > 0:
        return [low]
    step = 10.0 ** (len(f"{int(span / count)}") - 1) if span / count >= 1 else 10.0 ** -(len(f"{int(count / span)}"))
    step = next(step * factor for factor in (1, 2, 5, 10, 20, 50, 100) if span / (step * factor) <= count)
    first = -(-low // step) * step
    return [first + i * step for i in range(int((high - first) / step + 1e-9) + 1)]


class Chart:
    """A pair of axes with their content."""

    def __init__(self, title: str, x: tuple[float, float], y: tuple[float, float], y_money: bool = False) -> None:
        self.x, self.y = x, (y[0], y[1] if y[1] > y[0] else y[0] + 1)
        self.marks: list[str] = []
        self.text(WIDTH / 2, 16, title, "middle", 13)
        for tick in ticks(*self.y):
            at = self.down(tick)
            self.marks.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}" stroke="{GREY}" stroke-opacity=".3"/>')
            self.text(LEFT - 6, at + 4, money(tick) if y_money else f"{tick:,.6g}", "end")

    def across(self, x: float) -> float:
        low, high = self.x
        return LEFT + (x - low) / ((high - low) or 1) * (WIDTH - LEFT - RIGHT)

    def down(self, y: float) -> float:
        low, high = self.y
        return HEIGHT - BOTTOM - (y - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    def text(self, x: float, y: float, text: str, anchor: str, size: int = 11) -> None:
        self.marks.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{INK}">{escape(text)}</text>')

    def below(self, label: str, is_money: bool = False) -> None:
        """The ticks and the label of the horizontal axis."""
        for tick in ticks(*self.x):
            self.text(self.across(tick), HEIGHT - BOTTOM + 14, money(tick) if is_money else f"{tick:,.6g}", "middle")
        self.text((WIDTH + LEFT) / 2, HEIGHT - 4, label, "middle")

    def line(self, xs: Sequence[float], ys: Sequence[float], colour: str = BLUE, width: float = 2) -> None:
        points = " ".join(f"{self.across(x):.1f},{self.down(y):.1f}" for x, y in zip(xs, ys))
        self.marks.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{width}"/>')

    def band(self, xs: Sequence[float], lows: Sequence[float], highs: Sequence[float], opacity: float) -> None:
        there = [f"{self.across(x):.1f},{self.down(y):.1f}" for x, y in zip(xs, highs)]
        back = [f"{self.across(x):.1f},{self.down(y):.1f}" for x, y in zip(reversed(xs), reversed(lows))]
        self.marks.append(f'<polygon points="{" ".join(there + back)}" fill="{BLUE}" fill-opacity="{opacity}"/>')

    def bar(self, left: float, right: float, top: float, colour: str) -> None:
        x, width, y = self.across(left), max(self.across(right) - self.across(left), 0.5), self.down(top)
        self.marks.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{max(self.down(self.y[0]) - y, 0):.1f}" fill="{colour}"/>')

    def upright(self, x: float, label: str) -> None:
        at = self.across(x)
        self.marks.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="{RED}" stroke-dasharray="4 3"/>')
        self.text(at + 4, TOP + 10, label, "start")

    def level(self, y: float) -> None:
        at = self.down(y)
        self.marks.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}" stroke="{RED}" stroke-dasharray="4 3"/>')

    def __str__(self) -> str:
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
            f'role="img" font-family="sans-serif">{"".join(self.marks)}</svg>'
        )


def tornado(title: str, bars: Sequence[tuple[str, float, float]]) -> str:
    """Horizontal bars from zero, each with its name, length and error."""
    row, left = 20, 150
    height = 30 + row * len(bars)
    most = max((abs(length) + 2 * error for _, length, error in bars), default=0) or 1
    scale = (WIDTH - left - 60) / 2 / most
    zero = left + (WIDTH - left - 60) / 2
    marks = [f'<text x="{WIDTH / 2}" y="16" text-anchor="middle" font-size="13" fill="{INK}">{escape(title)}</text>']
    for i, (name, length, _) in enumerate(bars):
        y, reach = 26 + row * i, length * scale
        colour = BLUE if length >= 0 else RED
        marks.append(f'<rect x="{min(zero, zero + reach):.1f}" y="{y}" width="{abs(reach):.1f}" height="{row - 6}" fill="{colour}"/>')
        marks.append(f'<text x="{left - 6}" y="{y + 11}" text-anchor="end" font-size="11" fill="{INK}">{escape(name)}</text>')
        marks.append(f'<text x="{WIDTH - 4}" y="{y + 11}" text-anchor="end" font-size="11" fill="{INK}">{100 * length:+.2f}</text>')
    marks.append(f'<line x1="{zero:.1f}" x2="{zero:.1f}" y1="22" y2="{height - 4}" stroke="{GREY}"/>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" font-family="sans-serif">{"".join(marks)}</svg>'
    )


def heat_map(title: str, rows: Sequence[float], columns: Sequence[float], percent: Sequence[float], cells_with_text: int) -> str:
    """A grid of percentages, row by row, from red (low) to blue (high)."""
    width, height = max(440, min(60 * len(columns) + 80, 900)), max(60, min(26 * len(rows) + 60, 640))
    left, top = 70, 28
    wide, high = (width - left - 8) / len(columns), (height - top - 24) / len(rows)
    marks = [f'<text x="{width / 2}" y="16" text-anchor="middle" font-size="13" fill="{INK}">{escape(title)}</text>']
    for i, share in enumerate(percent):
        x, y = left + i % len(columns) * wide, top + i // len(columns) * high
        marks.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:.1f}" fill="hsl({2.1 * share:.0f} 60% 55%)"/>')
        if len(percent) <= cells_with_text:
            marks.append(f'<text x="{x + wide / 2:.1f}" y="{y + high / 2 + 4:.1f}" text-anchor="middle" font-size="11" fill="#111">{share:.1f}</text>')
    # Only as many names as fit.
    for i in range(0, len(rows), -(-len(rows) // 24)):
        marks.append(f'<text x="{left - 6}" y="{top + (i + 0.5) * high + 4:.1f}" text-anchor="end" font-size="11" fill="{INK}">{rows[i]:,g}</text>')
    for i in range(0, len(columns), -(-len(columns) // 12)):
        marks.append(f'<text x="{left + (i + 0.5) * wide:.1f}" y="{height - 8}" text-anchor="middle" font-size="11" fill="{INK}">{columns[i]:,g}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" font-family="sans-serif">{"".join(marks)}</svg>'
    )
