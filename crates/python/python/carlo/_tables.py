"""Results as tables: columns by name, and data frames of pandas or polars."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from ._model import Answer

Columns = dict[str, list[Any]]

LIBRARIES = ("pandas", "polars")


def scalars(answer: Answer) -> dict[str, Any]:
    """The numbers, strings and booleans of an object, by attribute. The two ends of an interval are separate."""
    found: dict[str, Any] = {}
    for field in dataclasses.fields(answer):  # type: ignore[arg-type]
        value = getattr(answer, field.name)
        if isinstance(value, (bool, int, float, str)):
            found[field.name] = value
        elif isinstance(value, list) and len(value) == 2 and all(isinstance(end, (int, float)) for end in value):
            found[f"{field.name}_low"], found[f"{field.name}_high"] = value
    return found


def rows(answers: list[Any]) -> Columns:
    """A row for each object, with a column for each scalar. `None` if an object lacks a scalar."""
    flat = [answer if isinstance(answer, dict) else scalars(answer) for answer in answers]
    names = list(dict.fromkeys(name for row in flat for name in row))
    return {name: [row.get(name) for row in flat] for name in names}


def frame(columns: Mapping[str, Any], library: str | None) -> Any:
    """The columns as a data frame."""
    if library is not None and library not in LIBRARIES:
        raise ValueError(f"library must be one of {', '.join(LIBRARIES)}, not {library!r}")
    for name in (library,) if library else LIBRARIES:
        try:
            found = import_module(name)
        except ModuleNotFoundError:
            continue
        return found.DataFrame(dict(columns))
    raise ModuleNotFoundError(f"a data frame needs {library or ' or '.join(LIBRARIES)}: install it, or use to_dict()")
