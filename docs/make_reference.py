"""Writes the generated pages of ``docs/reference``; ``make docs`` runs it, a test checks that they are up to date."""

from collections.abc import Iterator
from pathlib import Path

from gammapy_hli.analysis import Analysis
from gammapy_hli.core.docs import markdown_reference
from gammapy_hli.engine.models.catalogue import CATALOGUE
from gammapy_hli.engine.models.entries import ModelEntry

HERE = Path(__file__).resolve().parent
MODELS_INTRODUCTION = """\
# Models

Tags, names, units, defaults and bounds are those of gammapy 2.1, so that a models file goes both ways. A model is
written with its long or any of its short tags. The table is made from the package's own table of models
(`gammapy_hli/engine/models/*_table.py`); how to write models: [how-to](../how-to/models.md).

"Evaluated" says whether the engine can compute the model today. The others are read, checked, kept and written, so
that no file loses anything; a 1D fit needs a spectral model only.
"""
TITLES = {
    "spectral": "Spectral models",
    "spatial": "Spatial models",
    "temporal": "Temporal models",
    "background": "Background models",
}


def options_page() -> str:
    """The reference of all options, as ``gammapy-hli config docs`` prints it."""
    return markdown_reference(Analysis)


def models_page() -> str:
    """Every model with its tags and parameters."""
    lines = [MODELS_INTRODUCTION]
    for kind, entries in CATALOGUE.items():
        lines += [f"## {TITLES[kind]}", "", "| model | short tags | evaluated | parameters |", "|---|---|---|---|"]
        lines += [_overview_row(entry) for entry in entries.values()]
        lines.append("")
        for entry in entries.values():
            lines += _details(entry)
    return "\n".join(lines).rstrip() + "\n"


def _overview_row(entry: ModelEntry) -> str:
    short = ", ".join(f"`{tag}`" for tag in entry.short)
    names = ", ".join(f"`{name}`" for name in entry.parameter_names) or "none of its own"
    return f"| [{entry.tag}](#{entry.tag.lower()}) | {short} | {'yes' if entry.implementation else 'no'} | {names} |"


def _details(entry: ModelEntry) -> Iterator[str]:
    yield from (f"### {entry.tag}", "", _cell(" ".join(entry.help.split())), "")
    if entry.parameters:
        yield from ("| parameter | default | unit | bounds | in a fit | |", "|---|---|---|---|---|---|")
        for parameter in entry.parameters:
            bounds = ", ".join(
                f"{sign} {value:g}"
                for sign, value in (("≥", parameter.min), ("≤", parameter.max))
                if value == value  # nan where there is none
            )
            state = "fixed" if parameter.frozen else "free"
            cells = (f"`{parameter.name}`", f"{parameter.default:g}", parameter.unit, bounds, state, parameter.help)
            yield f"| {' | '.join(_cell(cell) for cell in cells)} |"
        yield ""
    if entry.options:
        yield from ("| option | default | values | |", "|---|---|---|---|")
        for option in entry.options:
            default = "required" if option.required else f"`{'null' if option.default is None else option.default}`"
            values = ", ".join(option.allowed) or option.type
            yield f"| `{option.name}` | {_cell(default)} | {_cell(values)} | {_cell(option.help)} |"
        yield ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


PAGES = {"options.md": options_page, "models.md": models_page}

if __name__ == "__main__":
    for name, make in PAGES.items():
        (HERE / "reference" / name).write_text(make(), encoding="utf-8")
