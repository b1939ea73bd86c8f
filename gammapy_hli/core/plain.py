"""Plain values (None, bool, numbers, text, lists, mappings) and their one canonical text in YAML."""

import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from gammapy_hli.base.yaml_reader import scalar_value

_SAFE = re.compile(r"[A-Za-z0-9_$~./+-]([A-Za-z0-9_ $./~@+*^()%=-]*[A-Za-z0-9_$./~@+*^()%=-])?")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+")
_NOT_PRINTABLE = re.compile(
    "[^\\x20-\\x7e\\xa0-\\u2027\\u202a-\\ud7ff\\ue000-\\ufefe\\uff00-\\ufffd\\U00010000-\\U0010ffff]"
)
_SWITCHES = {"yes", "no", "on", "off", "y", "n", "true", "false", "null", "~", "none"}


def format_number(number: float) -> str:
    """The shortest text that reads back as the same number; integral values without a decimal point.

    >>> format_number(40.0), format_number(1e-12), format_number(0.1)
    ('40', '1e-12', '0.1')
    """
    if isinstance(number, int):
        return str(number)
    if number == int(number) and abs(number) < 1e15 if abs(number) != float("inf") else False:
        return "-0.0" if number == 0 and str(number).startswith("-") else str(int(number))
    return repr(float(number))


def plain_text(value: Any) -> str:
    """The value as one line of YAML (flow style); text is quoted only where it must be.

    >>> plain_text({"center": "83.63 deg, 22.01 deg", "n": [1, 2.0], "on": True})
    '{center: "83.63 deg, 22.01 deg", n: [1, 2], on: true}'
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return format_number(value)
    if isinstance(value, str):
        return string_text(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key_text(key)}: {plain_text(item)}" for key, item in value.items()) + "}"
    return "[" + ", ".join(plain_text(item) for item in value) + "]"


def string_text(text: str) -> str:
    """Text as a YAML scalar, in double quotes where it would be read as something else."""
    is_safe = _TIME.fullmatch(text) or (
        _SAFE.fullmatch(text) and isinstance(scalar_value(text), str) and text.lower() not in _SWITCHES
    )
    if is_safe and not text.startswith(("- ", "---", "...")) and text not in ("-", "="):
        return text
    return _NOT_PRINTABLE.sub(_escape, json.dumps(text, ensure_ascii=False))


def _escape(match: re.Match[str]) -> str:
    number = ord(match.group())
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def key_text(key: str) -> str:
    """A key of a mapping as YAML; as `string_text`, but ``on`` and ``yes`` are plain names here."""
    return (
        key
        if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_@+.-]*", key) and isinstance(scalar_value(key), str)
        else string_text(key)
    )


def freeze(value: Any) -> Any:
    """The value with lists as tuples and mappings read-only, so that nobody changes an option behind its back."""
    if isinstance(value, Mapping):
        return MappingProxyType({key: freeze(item) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return tuple(freeze(item) for item in value)
    return value


def thaw(value: Any) -> Any:
    """The value with plain dicts and lists throughout."""
    if isinstance(value, Mapping):
        return {key: thaw(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [thaw(item) for item in value]
    return value
