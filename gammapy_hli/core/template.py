"""The commented template of a configuration, made from the traits.

Lines with ``##`` are words; one ``#`` before a line means: take it away to set the option. With all single ``#`` taken
away the file says exactly the defaults.
"""

import textwrap
from collections.abc import Iterable, Iterator

from gammapy_hli.core.chain import step_name, tool_slots
from gammapy_hli.core.component import Component
from gammapy_hli.core.option import Level, Option
from gammapy_hli.core.plain import plain_text
from gammapy_hli.core.slots import Named, first_line
from gammapy_hli.core.sources import CONFIG_VERSION
from gammapy_hli.core.typed import ModelSpec
from gammapy_hli.core.walk import Item, items

_WIDTH = 110


def template(
    root: type[Component], *, values: bool = False, steps: Iterable[str] | None = None, level: Level = "all"
) -> str:
    """A configuration file with every option, its help, unit, allowed values and default.

    Parameters
    ----------
    root : type
        Class of the root component.
    values : bool
        Whether the options stand there without comment sign.
    steps : iterable of str, optional
        Only these steps (and what is no step); by default all.
    level : {"basic", "all"}
        Everyday options only, or all.

    Returns
    -------
    str
    """
    chosen = None if steps is None else [step_name(root, step) for step in steps]
    writer = _Writer(values, level)
    lines = [*_heading(root, values), writer.line(f"config_version: {CONFIG_VERSION}")]
    tools = tool_slots(root)
    sections = {step.partition("@")[0] for step in chosen or ()}
    for item in items(root):
        if item.name in tools and chosen is not None and item.name not in sections:
            continue
        if item.name == "steps" and chosen is not None:
            lines += ["", *writer.words(item.help, 0), f"steps: {plain_text(chosen)}"]
        elif writer.is_shown(item):
            lines += ["", *writer.item(item, 0)]
    return "\n".join(lines) + "\n"


def uncomment(text: str) -> str:
    """The template with its single comment signs taken away: every option active."""
    lines = [line[1:] if line.startswith("#") and not line.startswith("##") else line for line in text.splitlines()]
    return "\n".join(lines) + "\n"


def _heading(root: type[Component], values: bool) -> list[str]:
    how = (
        "Every option stands at its default."
        if values
        else "Every option is shown with its default; take away one # to set it."
    )
    return [f"## {first_line(root.__doc__)}", f"## {how} Lines with ## are explanations.", ""]


class _Writer:
    def __init__(self, values: bool, level: Level):
        self.sign = "" if values else "#"
        self.level = level

    def is_shown(self, item: Item) -> bool:
        return self.level == "all" or item.level == "basic"

    def line(self, text: str, is_active: bool = True) -> str:
        return f"{self.sign if is_active else '##'}{text}"

    def words(self, text: str, depth: int) -> list[str]:
        indent = f"## {'  ' * depth}"
        return textwrap.wrap(text, _WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)

    def item(self, item: Item, depth: int) -> Iterator[str]:
        if isinstance(item.member, Option):
            yield from self.option(item, item.member, depth)
        else:
            yield from self.part(item, depth)

    def option(self, item: Item, option: Option, depth: int) -> Iterator[str]:
        required = "; required" if option.required else ""
        yield from self.words(f"{item.help} ({option.expected()}{required})", depth)
        text = "null" if item.default is None else option.to_text(item.default)
        yield self.line(f"{'  ' * depth}{item.name}: {text}", item.is_active)

    def part(self, item: Item, depth: int) -> Iterator[str]:
        indent = "  " * depth
        yield from self.words(self._part_help(item), depth)
        if isinstance(item.member, Named):
            yield self.line(f"{indent}{item.name}: {{}}", item.is_active)
            yield self.line(f"{indent}  <{item.member.item}>:", False)
            depth += 1
        elif item.member.is_optional:
            yield self.line(f"{indent}{item.name}: null", item.is_active)
        else:
            yield self.line(f"{indent}{item.name}:", item.is_active)
        for child in item.children:
            if self.is_shown(child):
                yield from self.item(child, depth + 1)

    def _part_help(self, item: Item) -> str:
        member = item.member
        if isinstance(member, ModelSpec):
            return f"{item.help} (type and its parameters)"
        return item.help
