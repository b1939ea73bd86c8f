"""The JSON schema (2020-12) of a configuration, made from the traits, for editors.

What it refuses, our own validation refuses too. It cannot see units, orders and what is said between files.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from gammapy_hli.core.chain import tool_slots
from gammapy_hli.core.component import Component
from gammapy_hli.core.option import Option
from gammapy_hli.core.plain import thaw
from gammapy_hli.core.slots import Named, Slot, first_line, nest, overlay
from gammapy_hli.core.sources import CONFIG_VERSION
from gammapy_hli.core.typed import ModelSpec
from gammapy_hli.core.valued import default_here

_LABEL = "[A-Za-z0-9_+-]+"


def json_schema(root: type[Component], title: str = "gammapy-hli configuration") -> dict[str, Any]:
    """The schema of a whole file."""
    definitions: dict[str, Any] = {}
    schema = _section(root, {}, definitions)
    object_schema = schema["anyOf"][0]
    object_schema["properties"] = {
        "config_version": {"type": "integer", "minimum": 1, "maximum": CONFIG_VERSION},
        "extends": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}, {"type": "null"}]},
        **object_schema["properties"],
    }
    patterns = object_schema.setdefault("patternProperties", {})
    for name in tool_slots(root):
        names = [name, *(alias for alias, target in root.aliases.items() if target == name)]
        pattern = "|".join(_spellings(written) for written in names)
        patterns[f"^({pattern})@{_LABEL}$"] = {"$ref": f"#/$defs/{name}"}
        definitions[name] = object_schema["properties"][name]
        object_schema["properties"][name] = {"$ref": f"#/$defs/{name}"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "description": first_line(root.__doc__),
        **schema,
        "$defs": definitions,
    }


def _section(
    cls: type[Component], given: Mapping[str, Any], definitions: dict[str, Any], depth: int = 0
) -> dict[str, Any]:
    members = {name: member for name, member in cls.members().items() if not member.internal}
    properties = {name: _member(cls, name, given, definitions, depth) for name, member in members.items()}
    schema: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    patterns = {f"^{_spellings(name)}$": properties[name] for name in members if "_" in name}
    for other, target in {**cls.aliases, **cls.renamed}.items():
        old = {"deprecated": True} if other in cls.renamed else {}
        patterns[f"^{_spellings(other)}$"] = {**properties[target], **old}
    if patterns:
        schema["patternProperties"] = patterns
    conflicts = _conflicts(members)
    if conflicts:
        schema["allOf"] = conflicts
    return {"anyOf": [schema, {"type": "null"}]}


def _spellings(name: str) -> str:
    """Pattern of a name in which ``-`` and ``_`` are alike."""
    return re.sub("[-_]", "[-_]", re.escape(name).replace("\\-", "-"))


def _conflicts(members: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Members of one choice group exclude each other, unless they are null."""
    groups: dict[str, list[str]] = {}
    for name, member in members.items():
        if member.group is not None:
            groups.setdefault(member.group, []).append(name)
    is_set = {"not": {"type": "null"}}
    return [
        {"not": {"required": [first, second], "properties": {first: is_set, second: is_set}}}
        for names in groups.values()
        for number, first in enumerate(names)
        for second in names[number + 1 :]
    ]


def _member(
    cls: type[Component], name: str, given: Mapping[str, Any], definitions: dict[str, Any], depth: int
) -> dict[str, Any]:
    member = cls.members()[name]
    if isinstance(member, Option):
        return _option(member, default_here(cls.members(), given, name), definitions)
    below = given.get(name)
    inside = below if isinstance(below, Mapping) else {}
    if isinstance(member, Slot) and depth >= 1 and not inside and not member.defaults:  # a part that many models have
        tag = member.component.__name__
        if tag not in definitions:
            definitions[tag] = _section(member.component, {}, definitions, depth)
        schema: dict[str, Any] = {"$ref": f"#/$defs/{tag}"}
    elif isinstance(member, Slot):
        schema = _section(member.component, nest(overlay(member.defaults, inside)), definitions, depth)
    elif isinstance(member, Named):
        item = _section(member.component, member.defaults, definitions, depth)
        schema = {"anyOf": [{"type": "object", "additionalProperties": item}, {"type": "null"}]}
    else:
        assert isinstance(member, ModelSpec)
        schema = _model(member, definitions, depth)
    return {"description": member.help, **schema}


def _option(option: Option, default: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    words: dict[str, Any] = {"description": f"{option.help} ({option.expected()})"}
    if default is not None or not option.required:
        words["default"] = thaw(option.check(default)) if default is not None else None
    return {**words, **_shared(option.schema(), definitions)}


def _shared(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """A reference to a definition, for schemas that are long: many options have the same."""
    text = json.dumps(schema)
    if len(text) < 120:
        return schema
    name = f"values_{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    definitions[name] = schema
    return {"$ref": f"#/$defs/{name}"}


def _model(spec: ModelSpec, definitions: dict[str, Any], depth: int) -> dict[str, Any]:
    """A reference to the definition of a kind of model, made when it is first met."""
    if depth >= 1:  # a model inside a model: checked by the resolver only
        return {"type": ["object", "string", "null"]}
    tags = tuple(kind.tag for kind in spec.types)
    for name, definition in definitions.items():
        if definition.get("$comment") == ",".join(tags):
            return {"$ref": f"#/$defs/{name}"}
    names = [name for kind in spec.types for name in kind.names]
    shapes: list[dict[str, Any]] = [{"enum": names}, {"type": "null"}]
    for kind in spec.types:
        shape = _section(spec.class_of(kind), {}, definitions, depth + 1)["anyOf"][0]
        shape["properties"]["type"] = {"enum": list(kind.names)}
        shapes.append({"title": kind.tag, **shape})
    name = f"model_{len(definitions)}"
    definitions[name] = {"$comment": ",".join(tags), "anyOf": shapes}
    return {"$ref": f"#/$defs/{name}"}
