"""Writes python/carlo/models.py from the OpenAPI document: a class for each object that travels.

    python generate.py openapi.json > python/carlo/models.py

`tests/python` fails where the file isn't what this writes of the gateway's own document.
"""

from __future__ import annotations

import json
import keyword
import re
import sys
import textwrap
from typing import Any

Schema = dict[str, Any]

# Classes of display.py that a person's side of an answer comes from.
DISPLAYS = {
    "Batch": "BatchDisplay",
    "Cluster": "ClusterDisplay",
    "Comparison": "ComparisonDisplay",
    "Job": "JobDisplay",
    "JobResults": "ResultsDisplay",
    "Replay": "ReplayDisplay",
    "SensitivityResults": "SensitivityDisplay",
    "Simulation": "JobDisplay",
    "SimulationResult": "JobDisplay",
    "Solved": "SolvedDisplay",
}

HEAD = '''"""The objects that travel: requests, which are written, and answers, which are read.

Written by generate.py from the gateway's OpenAPI document; a test compares the two. Requests take keyword arguments in snake_case;
an input that is `None` is left to its default. Answers can't be changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Union

from ._model import Answer, Input
'''


def attribute(name: str) -> str:
    """The name in Python: snake_case, with an underscore after what is a keyword there."""
    name = re.sub(r"(?<=[a-z0-9])([A-Z])", lambda match: "_" + match.group(1).lower(), name)
    name = re.sub(r"(?<=[a-z]{2})(\d+)$", r"_\1", name)
    return name + "_" if keyword.iskeyword(name) else name


def is_input(schema: Schema) -> bool:
    return schema.get("additionalProperties") is False


def reference(schema: Schema) -> str | None:
    path = schema.get("$ref")
    return path.rsplit("/", 1)[-1] if path else None


def hint(schema: Schema) -> str:
    """The type of a value, without whether it may be absent."""
    name = reference(schema)
    if name:
        return name
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return " | ".join(hint(part) for part in schema[union] if part.get("type") != "null")
    if "const" in schema:
        return f"Literal[{json.dumps(schema['const'])}]"
    if "enum" in schema:
        return f"Literal[{', '.join(json.dumps(word) for word in schema['enum'] if word is not None)}]"
    kinds = schema.get("type", "object")
    kinds = [kinds] if isinstance(kinds, str) else [kind for kind in kinds if kind != "null"]
    return " | ".join(of_type(kind, schema) for kind in kinds)


def of_type(kind: str, schema: Schema) -> str:
    if kind == "array":
        return f"list[{hint(schema.get('items', {}))}]"
    if kind == "object":
        values = schema.get("additionalProperties")
        return f"dict[str, {hint(values)}]" if isinstance(values, dict) else "dict[str, Any]"
    return {"string": "str", "number": "float", "integer": "int", "boolean": "bool"}[kind]


def is_nullable(schema: Schema) -> bool:
    if any(part.get("type") == "null" for union in ("anyOf", "oneOf") for part in schema.get(union, [])):
        return True
    return "null" in schema.get("type", [])


def plain(text: str) -> str:
    """Documentation without the links of the source that it comes from."""
    text = re.sub(r"\[(`[^`]*`)\](\([^)]*\))?", r"\1", text)
    return " ".join(text.split())


def number(value: float) -> str:
    return f"{int(value):,}" if value == int(value) else str(value)


def documentation(schema: Schema, document: Schema) -> str:
    text = plain(schema.get("description", ""))
    if not text:
        for union in ("anyOf", "oneOf"):
            text = text or next((plain(part["description"]) for part in schema.get(union, []) if "description" in part), "")
    if not text and (name := reference(schema)):
        text = plain(document["components"]["schemas"][name].get("description", ""))
    bounds = []
    for key, word in (("minimum", "at least"), ("exclusiveMinimum", "above"), ("maximum", "at most"), ("exclusiveMaximum", "below")):
        # A bound that only says how the number travels says nothing of it.
        if key in schema and not (schema.get("format") in ("int32", "int64") and schema[key] == 0 and "x-unit" not in schema and "default" not in schema):
            bounds.append(f"{word} {number(schema[key])}")
    counts = [(word, schema[key]) for key, word in (("minItems", "at least "), ("maxItems", "at most ")) if key in schema]
    if len(counts) == 2 and counts[0][1] == counts[1][1]:
        counts = [("", counts[0][1])]
    bounds += [f"{word}{count:,} entries" for word, count in counts]
    if bounds:
        text += f" {', '.join(bounds).capitalize()}."
    if schema.get("default") is not None:
        default = schema["default"]
        text += f" Default {json.dumps(default) if isinstance(default, (bool, str)) else number(default)}."
    return text.strip()


def docstring(text: str, indent: str, width: int = 116) -> str:
    text = text.replace("\\", "\\\\").replace('"""', "'''")
    lines = textwrap.wrap(text, width - len(indent) - 6, break_long_words=False, break_on_hyphens=False) or [""]
    if len(lines) == 1:
        return f'{indent}"""{lines[0]}"""'
    return "\n".join([f'{indent}"""{lines[0]}', *(indent + line for line in lines[1:]), f'{indent}"""'])


def parts(schema: Schema) -> tuple[list[str], dict[str, Schema], set[str]]:
    """The bases, the fields of its own and the required ones of an object."""
    bases, fields, required = [], dict(schema.get("properties", {})), set(schema.get("required", []))
    for part in schema.get("allOf", []):
        if name := reference(part):
            bases.append(name)
        else:
            fields.update(part.get("properties", {}))
            required.update(part.get("required", []))
    return bases, fields, required


def write_class(name: str, schema: Schema, document: Schema) -> str:
    bases, fields, required = parts(schema)
    given = is_input(schema)
    display = DISPLAYS.get(name)
    inherited = ([display] if display else []) + (bases or ["Input" if given else "Answer"])
    lines = [
        "@dataclass(kw_only=True, repr=False)" if given else "@dataclass(frozen=True, kw_only=True, repr=False)",
        f"class {name}({', '.join(inherited)}):",
        docstring(plain(schema.get("description", name)), "    "),
    ]
    spelled = [f"**{base}._names" for base in bases]
    spelled += [f"{json.dumps(attribute(field))}: {json.dumps(field)}" for field in fields if attribute(field) != field]
    if len(spelled) > len(bases):
        lines += ["", "    _names: ClassVar[dict[str, str]] = {", *(f"        {entry}," for entry in spelled), "    }"]
    for field, part in sorted(fields.items(), key=lambda item: (item[0] not in required, item[0])):
        kind, here = hint(part), attribute(field)
        lines.append("")
        if "const" in part:
            lines.append(f"    {here}: {kind} = {json.dumps(part['const'])}")
        elif field in required and not is_nullable(part):
            lines.append(f"    {here}: {kind}")
        elif kind.startswith(("list[", "dict[")) and not given and not is_nullable(part):
            lines.append(f"    {here}: {kind} = field(default_factory={kind[:4]})")
        else:
            lines.append(f"    {here}: {kind} | None = None")
        if text := documentation(part, document):
            lines.append(docstring(text, "    "))
    return "\n".join(lines)


def order(schemas: dict[str, Schema]) -> list[str]:
    """By name, but bases first."""
    done: list[str] = []

    def add(name: str) -> None:
        if name not in done:
            for base in parts(schemas[name])[0]:
                add(base)
            done.append(name)

    for name in sorted(schemas):
        add(name)
    return done


def main(path: str) -> None:
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    schemas = document["components"]["schemas"]
    used = sorted({DISPLAYS[name] for name in schemas if name in DISPLAYS})
    out = [HEAD + f"from .display import {', '.join(used)}"]
    aliases, classes = [], []
    for name in order(schemas):
        schema = schemas[name]
        if "enum" in schema or "oneOf" in schema:
            kind = hint(schema)
            if "oneOf" in schema:
                kind = f"Union[{', '.join(json.dumps(part) for part in kind.split(' | '))}]"
            aliases.append(f"{name} = {kind}\n{docstring(plain(schema.get('description', name)), '')}")
        else:
            classes.append(write_class(name, schema, document))
    names = "\n".join(f"    {json.dumps(name)}," for name in sorted(schemas))
    out.append("\n\n".join(aliases))
    out.extend(["\n\n\n".join(classes), f"__all__ = [\n{names}\n]"])
    print("\n\n\n".join(out))


if __name__ == "__main__":
    main(*sys.argv[1:])
