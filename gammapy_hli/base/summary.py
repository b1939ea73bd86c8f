"""One mixin that turns a plain ``summary()`` into ``repr`` and ``_repr_html_``."""

import html
import math
from collections.abc import Mapping
from typing import Any

_MAX_ITEMS = 6  # of a list that are shown
_MAX_TEXT = 100  # characters of a value that are shown


class Summary:
    """Gives ``repr`` and ``_repr_html_`` to a class that defines ``summary()``.

    Works for dataclasses too: their generated ``repr`` does not replace this one.

    >>> class Run(Summary):
    ...     def summary(self):
    ...         return {"name": "23523", "livetime": "1581.7 s"}
    >>> Run()
    Run
      name     : 23523
      livetime : 1581.7 s
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__repr__" not in cls.__dict__:
            cls.__repr__ = cls.__repr__  # type: ignore[method-assign]  # in the class itself, @dataclass leaves it alone

    def summary(self) -> dict[str, Any]:
        """The object in a few plain values, in the order in which they are shown; values may be dicts."""
        raise NotImplementedError(f"{type(self).__name__} must define summary()")

    def __repr__(self) -> str:
        return summary_text(type(self).__name__, self.summary())

    def _repr_html_(self) -> str:
        return summary_html(type(self).__name__, self.summary())


def summary_text(title: str, values: Mapping[str, Any]) -> str:
    """Title and aligned lines ``key : value``; nested mappings are indented."""
    return "\n".join([title, *_text_lines(values, indent=2)])


def summary_html(title: str, values: Mapping[str, Any]) -> str:
    """A small self-contained table that takes the colors of the page it stands in."""
    return (
        '<div class="hli-summary" style="display:inline-block;color:inherit;font-size:90%">'
        f'<div style="font-weight:bold;padding:2px 0">{html.escape(title)}</div>{_html_table(values)}</div>'
    )


def value_text(value: Any) -> str:
    """One value on one line: numbers with six digits, long lists and texts shortened."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}" if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return _shorten(value)
    if isinstance(value, list | tuple | set | frozenset):
        return _items_text(list(value))
    if hasattr(value, "unit") and hasattr(value, "value"):  # a Quantity, whose package is not imported here
        return f"{value_text(value.value)} {value.unit}".strip()
    if hasattr(value, "tolist"):
        return value_text(value.tolist())
    return _shorten(str(value))


def _text_lines(values: Mapping[str, Any], indent: int) -> list[str]:
    flat = [str(key) for key, value in values.items() if not _is_nested(value)]
    width = max((len(key) for key in flat), default=0)
    blanks = " " * indent
    lines = []
    for key, value in values.items():
        if _is_nested(value):
            lines += [f"{blanks}{key}", *_text_lines(value, indent + 2)]
        else:
            lines.append(f"{blanks}{key!s:<{width}} : {value_text(value)}")
    return lines


def _html_table(values: Mapping[str, Any]) -> str:
    cell = "padding:1px 8px;text-align:left;vertical-align:top;border:none"
    line = "border-bottom:1px solid rgba(128,128,128,0.35);background:transparent"
    rows = []
    for key, value in values.items():
        shown = _html_table(value) if _is_nested(value) else html.escape(value_text(value))
        rows.append(
            f'<tr style="{line}"><th style="{cell};font-weight:normal;opacity:0.7">{html.escape(str(key))}</th>'
            f'<td style="{cell}">{shown}</td></tr>'
        )
    return f'<table style="border-collapse:collapse;margin:0;color:inherit">{"".join(rows)}</table>'


def _is_nested(value: Any) -> bool:
    return isinstance(value, Mapping) and len(value) > 0


def _items_text(items: list[Any]) -> str:
    shown = [value_text(item) for item in items[:_MAX_ITEMS]]
    if len(items) > _MAX_ITEMS:
        shown[-1] = f"... {value_text(items[-1])} ({len(items)} values)"
    return _shorten(", ".join(shown)) if items else "-"


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MAX_TEXT else line[: _MAX_TEXT - 3] + "..."
