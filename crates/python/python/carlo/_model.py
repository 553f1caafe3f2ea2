"""The base of requests and responses: conversion to and from JSON."""

from __future__ import annotations

import copy
import dataclasses
import sys
import types
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

Self = TypeVar("Self", bound="Model")


class Model:
    """A JSON object as a Python object."""

    _names: ClassVar[dict[str, str]] = {}
    """The JSON names of attributes, if they differ."""

    def to_dict(self) -> dict[str, Any]:
        """A plain dictionary with the JSON names. Inputs that are `None` are left out."""
        entries = ((field.name, getattr(self, field.name)) for field in dataclasses.fields(self))  # type: ignore[arg-type]
        return {self._names.get(name, name): _plain(value) for name, value in entries if value is not None}

    @classmethod
    def from_dict(cls: type[Self], values: Mapping[str, Any]) -> Self:
        """From a plain dictionary, with the JSON names or those of the attributes."""
        hints, arguments = _hints(cls), {}
        for name in hints:
            given = next((key for key in (cls._names.get(name, name), name) if key in values), None)
            if given is not None:
                arguments[name] = _read(hints[name], values[given])
        return cls(**arguments)


class Input(Model):
    """A part of a request."""

    def __repr__(self) -> str:
        given = ((field.name, getattr(self, field.name)) for field in dataclasses.fields(self))  # type: ignore[arg-type]
        shown = ", ".join(f"{name}={value!r}" for name, value in given if value is not None)
        return f"{type(self).__name__}({shown})"

    @classmethod
    def from_dict(cls: type[Self], values: Mapping[str, Any]) -> Self:
        """From a plain dictionary, with the JSON names or those of the attributes.

        A name that is not known is a `TypeError`: a mistyped one must not silently run the default.
        """
        known = {*_hints(cls), *(cls._names.get(name, name) for name in _hints(cls))}
        unknown = sorted(set(values) - known)
        if unknown:
            raise TypeError(f"{cls.__name__} has no input {', '.join(map(repr, unknown))}")
        return super().from_dict(values)


class Answer(Model):
    """A response of a server or a result of the kernel. Further members from a newer server are only in `to_dict()`."""

    def to_dict(self) -> dict[str, Any]:
        """A plain dictionary with the JSON names, exactly as received."""
        received = self.__dict__.get("_received")
        return super().to_dict() if received is None else copy.deepcopy(received)

    @classmethod
    def from_dict(cls: type[Self], values: Mapping[str, Any]) -> Self:
        answer = super().from_dict(values)
        answer.__dict__["_received"] = values
        return answer

    def to_frame(self, table: str | None = None, library: str | None = None) -> Any:
        """A table as a data frame of pandas or polars, whichever is installed, or of the given `library`.

        Which tables there are depends on the answer; an error names them. The first is what is meant where none is named.
        """
        from . import _tables

        tables = self._tables()
        if table is None:
            table = next(iter(tables))
        if table not in tables:
            raise ValueError(f"{type(self).__name__} has no table {table!r}; it has {', '.join(map(repr, tables))}")
        return _tables.frame(tables[table], library)

    def _tables(self) -> dict[str, dict[str, list[Any]]]:
        """The columns of each table, by the name of the table. Here it is one row with all numbers, strings and booleans."""
        from . import _tables

        return {"summary": _tables.rows([self])}

    def __repr__(self) -> str:
        from . import _tables

        shown = ", ".join(f"{name}={value!r}" for name, value in _tables.scalars(self).items())
        return f"{type(self).__name__}({shown})"

    def _repr_html_(self) -> str:
        from . import _html, _tables

        return _html.page(type(self).__name__, _html.table(_tables.scalars(self).items()))


def _plain(value: Any) -> Any:
    if isinstance(value, Model):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {name: _plain(entry) for name, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return value


_HINTS: dict[Any, dict[str, Any]] = {}


def _hints(cls: Any) -> dict[str, Any]:
    """The types of the fields of a class."""
    if cls not in _HINTS:
        every = get_type_hints(cls, vars(sys.modules[cls.__module__]))
        _HINTS[cls] = {field.name: every[field.name] for field in dataclasses.fields(cls)}
    return _HINTS[cls]


def _read(hint: Any, value: Any) -> Any:
    """Converts a JSON value to a type. A value that doesn't fit is left unchanged, because the check of requests gives better messages."""
    origin, arguments = get_origin(hint), get_args(hint)
    if value is None:
        return None
    if origin in (Union, types.UnionType):
        return _read_union([option for option in arguments if option is not type(None)], value)
    if origin is list and isinstance(value, (list, tuple)):
        return [_read(arguments[0], entry) for entry in value]
    if origin is dict and isinstance(value, Mapping):
        return {name: _read(arguments[1], entry) for name, entry in value.items()}
    if isinstance(hint, type) and issubclass(hint, Model) and isinstance(value, Mapping):
        return hint.from_dict(value)
    if hint is float and type(value) is int:
        return float(value)
    return value


def _read_union(options: list[Any], value: Any) -> Any:
    if len(options) == 1:
        return _read(options[0], value)
    for option in options:
        if isinstance(value, Mapping) and isinstance(option, type) and issubclass(option, Model):
            tags = {name: get_args(kind)[0] for name, kind in _hints(option).items() if get_origin(kind) is Literal}
            if any(value.get(name) == tag for name, tag in tags.items()):
                return option.from_dict(value)
    return value
