"""From the parts of a page to one self-contained HTML text."""

from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined

from gammapy_hli import __version__
from gammapy_hli.base.summary import Summary
from gammapy_hli.report.blocks import Page


@dataclass(frozen=True, repr=False)
class Report(Summary):
    """The finished page.

    Attributes
    ----------
    html : str
        One self-contained document.
    """

    html: str

    def summary(self) -> dict[str, Any]:
        """Size and number of figures."""
        return {"size": f"{len(self.html.encode()) / 1e6:.2f} MB", "figures": self.html.count("<svg")}


def render_page(page: Page) -> str:
    """The page as HTML with style and figures inside; equal content gives equal text."""
    folder = files("gammapy_hli.report")
    environment = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
    template = environment.from_string(folder.joinpath("page.html.j2").read_text(encoding="utf-8"))
    css = folder.joinpath("page.css").read_text(encoding="utf-8")
    return template.render(
        title=page.title,
        kind=page.kind,
        lead=page.lead,
        tiles=page.tiles,
        sections=page.sections,
        warnings=page.warnings,
        css=_Markup(css),
        version=__version__,
    )


class _Markup(str):
    """Text that is already safe to stand in HTML (our own style sheet)."""

    def __html__(self) -> str:
        return str(self)
