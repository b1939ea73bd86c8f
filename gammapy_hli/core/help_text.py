"""The help on options, made from the traits: the everyday ones, or all, by section."""

import textwrap

from gammapy_hli.core.component import Component
from gammapy_hli.core.container_traits import List, Mapping
from gammapy_hli.core.option import Level, Option
from gammapy_hli.core.scalar_traits import Bool, Choice, Float, Int, Path
from gammapy_hli.core.slots import Named
from gammapy_hli.core.typed import ModelSpec
from gammapy_hli.core.walk import Item, items, walk

_NAMES: tuple[tuple[type, str], ...] = (
    (Bool, ""),
    (Int, "INT"),
    (Float, "NUMBER"),
    (Choice, "NAME"),
    (Path, "PATH"),
    (Mapping, "MAPPING"),
)


def help_text(root: type[Component], *, level: Level = "basic", prefix: str = "", width: int = 100) -> str:
    """Options by section, one entry each with help, unit, allowed values and default.

    Parameters
    ----------
    root : type
        Class of the root component, or of one tool, whose options are then relative to it.
    level : {"basic", "all"}
        Everyday options only, or all.
    prefix : str
        Put before every option, for a part of the tree.
    width : int
        Characters of a line.
    """
    lines: list[str] = []
    top = [item for item in items(root) if item.is_option and _is_shown(item, level)]
    if top:
        lines += ["options:", *(line for item in top for line in _entry(item, prefix, width)), ""]
    for section in items(root):
        if section.is_option or not _is_shown(section, level):
            continue
        lines += textwrap.wrap(f"{prefix}{section.name}: {section.help}", width, subsequent_indent="    ")
        for item in walk_below(section):
            if item.is_option and _is_shown(item, level):
                lines += _entry(item, prefix, width)
            elif isinstance(item.member, ModelSpec | Named) and _is_shown(item, level):
                lines += _part(item, prefix, width)
        lines.append("")
    return "\n".join(lines).rstrip() + "\n" if lines else ""


def walk_below(section: Item) -> list[Item]:
    """The section itself where it is a part with a value of its own, and all items below it."""
    found = [section] if isinstance(section.member, ModelSpec | Named) else []
    for child in section.children:
        found += [child] if child.is_option else [child, *_flat(child)]
    return found


def _flat(item: Item) -> list[Item]:
    return [below for child in item.children for below in ([child] if child.is_option else [child, *_flat(child)])]


def option_line(item: Item) -> str:
    """Help, allowed values and default of an option on one line."""
    option = item.member
    default = item.requirement or f"default {_default(option, item.default)}"
    unit = f" [{option.unit}]" if option.unit else ""
    allowed = f" {{{','.join(option.values)}}}" if isinstance(option, Choice) else ""
    bounds = option.range_text().lstrip(", ")
    limits = f" {bounds}" if bounds else ""
    return f"{option.help}{unit}{allowed}{limits} ({default})"


def _default(option: Option, raw: object) -> str:
    return "null" if raw is None else option.to_text(raw)


def _is_shown(item: Item, level: Level) -> bool:
    return level == "all" or item.level == "basic"


def _entry(item: Item, prefix: str, width: int) -> list[str]:
    head = f"  --{prefix}{item.path} {_metavar(item.member)}".rstrip()
    return _wrapped(head, option_line(item), width)


def _part(item: Item, prefix: str, width: int) -> list[str]:
    if isinstance(item.member, Named):
        return _wrapped(f"  --{prefix}{item.path}.<{item.member.item}>", item.help, width)
    types = ", ".join(kind.names[0] for kind in item.member.types)
    return _wrapped(f"  --{prefix}{item.path}.<parameter>", f"{item.help} Types: {types}", width)


def _wrapped(head: str, text: str, width: int) -> list[str]:
    indent = " " * 8
    if len(head) <= 30:
        first = f"{head:<32}"
        wrapped = textwrap.wrap(text, width, initial_indent=first, subsequent_indent=" " * 32, break_on_hyphens=False)
        return wrapped or [head]
    return [
        head,
        *textwrap.wrap(text, width, initial_indent=indent * 4, subsequent_indent=indent * 4, break_on_hyphens=False),
    ]


def _metavar(option: Option) -> str:
    if isinstance(option, List):
        return f"{_metavar(option.item) or 'VALUE'} ..."
    for kind, name in _NAMES:
        if isinstance(option, kind):
            return name
    return "QUANTITY" if option.unit else "VALUE"


__all__ = ["help_text", "option_line", "walk"]
