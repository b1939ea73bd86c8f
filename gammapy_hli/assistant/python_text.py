"""Plain values as Python: on one line where they fit, else one item a line, as formatters write them."""

import json
from collections.abc import Mapping
from typing import Any

from gammapy_hli.core.plain import format_number

WIDTH = 110


def literal(value: Any, room: int = WIDTH, depth: int = 0) -> str:
    """A plain value (None, bool, numbers, text, lists, mappings) as an expression.

    Parameters
    ----------
    value : object
    room : int
        Characters that are left on the first line.
    depth : int
        Levels that the line is indented by, four blanks each.

    Examples
    --------
    >>> literal({"circle": {"center": "83.63 deg, 22.01 deg", "radius": "0.11 deg"}, "n": [1, 2.0, None]})
    '{"circle": {"center": "83.63 deg, 22.01 deg", "radius": "0.11 deg"}, "n": [1, 2, None]}'
    """
    flat = _flat(value)
    if len(flat) <= room or not isinstance(value, Mapping | list | tuple) or not value:
        return flat
    inside = "    " * (depth + 1)
    if isinstance(value, Mapping):
        opened, closed = "{", "}"
        heads = [f"{json.dumps(key, ensure_ascii=False)}: " for key in value]
        items = list(value.values())
    else:
        opened, closed = "[", "]"
        heads, items = [""] * len(value), list(value)
    lines = [
        f"{inside}{head}{literal(item, WIDTH - len(inside) - len(head) - 1, depth + 1)},"
        for head, item in zip(heads, items, strict=True)
    ]
    return "\n".join([opened, *lines, "    " * depth + closed])


def _flat(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return repr(value)
    if isinstance(value, int | float):
        return format_number(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        return (
            "{"
            + ", ".join(f"{json.dumps(key, ensure_ascii=False)}: {_flat(each)}" for key, each in value.items())
            + "}"
        )
    return "[" + ", ".join(_flat(each) for each in value) + "]"
