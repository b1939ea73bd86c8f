"""The reference of all options in Markdown, made from the traits."""

from collections.abc import Iterator

from gammapy_hli.core.component import Component
from gammapy_hli.core.option import Option
from gammapy_hli.core.slots import Named
from gammapy_hli.core.typed import ModelSpec
from gammapy_hli.core.walk import Item, items

_HEAD = ["| option | what it does | values | default |", "|---|---|---|---|"]


def markdown_reference(root: type[Component], title: str = "Options") -> str:
    """A page with a table for each section, and one for the types of each kind of model."""
    lines = [f"# {title}", ""]
    found = items(root)
    top = [item for item in found if item.is_option]
    if top:
        lines += [*_HEAD, *(_row(item) for item in top), ""]
    models: dict[tuple[str, ...], tuple[Item, ModelSpec]] = {}
    for section in found:
        if section.is_option:
            continue
        lines += [f"## {section.name}", "", section.help, "", *_HEAD]
        for item in _below(section):
            lines.append(_row(item))
            if isinstance(item.member, ModelSpec):
                models.setdefault(tuple(kind.tag for kind in item.member.types), (item, item.member))
        lines.append("")
    for item, spec in models.values():
        lines += _model_tables(item, spec)
    return "\n".join(lines).rstrip() + "\n"


def _below(section: Item) -> Iterator[Item]:
    if not isinstance(section.member, Option) and isinstance(section.member, ModelSpec | Named):
        yield section
    for child in section.children:
        if child.is_option:
            yield child
        else:
            if isinstance(child.member, ModelSpec | Named) or child.member.is_optional:
                yield child
            yield from (item for item in _below(child) if item is not child)


def _row(item: Item) -> str:
    member = item.member
    if isinstance(member, Option):
        value = member.to_text(item.default) if item.default is not None else "null"
        default = item.requirement or f"`{value}`"
        return f"| `{item.path}` | {_cell(item.help)} | {_cell(member.expected())} | {_cell(default)} |"
    values = "a section, or null"
    if isinstance(member, ModelSpec):
        values = "a model: type and parameters, see below"
    elif isinstance(member, Named):
        values = f"sections by {member.item}"
    default = "`{}`" if isinstance(member, Named) else "required" if getattr(member, "required", False) else "`null`"
    return f"| `{item.path}` | {_cell(item.help)} | {values} | {default} |"


def _model_tables(item: Item, spec: ModelSpec) -> list[str]:
    lines = [f"## Types of `{item.path}`", ""]
    for kind in spec.types:
        names = ", ".join(f"`{name}`" for name in kind.names)
        lines += [f"### {kind.tag}", "", f"{kind.help} Written {names}.", ""]
        if kind.options:
            rows = [_row(below) for below in items(spec.class_of(kind)) if below.name != "type"]
            lines += ["| parameter | what it is | values | default |", "|---|---|---|---|", *rows, ""]
    return lines


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
