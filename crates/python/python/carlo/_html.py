"""Results as HTML, for notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

def table(rows: Iterable[Sequence[Any]], head: Sequence[str] = ()) -> str:
    """A table. Its content is escaped."""
    cells = "".join(f"<th>{escape(str(cell))}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(shown(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table>{f'<thead><tr>{cells}</tr></thead>' if head else ''}<tbody>{body}</tbody></table>"


def shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.6g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def page(title: str, *parts: str) -> str:
    return f"<div><strong>{escape(title)}</strong>{''.join(parts)}</div>"


def charts(*drawn: Any) -> str:
    return '<div style="display:flex;flex-wrap:wrap;gap:12px">' + "".join(str(chart) for chart in drawn) + "</div>"


def percent(share: float, error: float | None = None) -> str:
    """A fraction in percent, with as many decimals as are significant given its error.

    >>> percent(0.71234, 0.0001), percent(0.71234, 0.01), percent(1.0)
    ('71.23 %', '71.2 %', '100.0 %')
    """
    decimals = 2 if error is not None and error < 0.0005 else 1
    return f"{100 * share:.{decimals}f} %"


def dollars(amount: float) -> str:
    """
    >>> dollars(-1234.5), dollars(99_999.6)
    ('−$1,234', '$100,000')
    """
    return f"{'−' if round(amount) < 0 else ''}${abs(round(amount)):,}"
