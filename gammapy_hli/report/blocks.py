"""The parts a page is made of: figures, tables, code, checks, text. They know layout, not physics."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar


@dataclass(frozen=True)
class Tile:
    """One headline number."""

    label: str
    value: str
    unit: str = ""


@dataclass(frozen=True)
class FigureBlock:
    """One figure as SVG with what it shows.

    ``shape`` is "tall" for one that leaves room for two beside it, "wide" for one that takes the whole width.
    """

    svg: str
    caption: str
    shape: str = ""


@dataclass(frozen=True)
class Figures:
    """Figures side by side, as many as fit."""

    kind: ClassVar[str] = "figures"
    figures: Sequence[FigureBlock]


@dataclass(frozen=True)
class Cell:
    """One cell of a table."""

    text: str
    is_text: bool = False
    span: int = 0


@dataclass(frozen=True)
class Row:
    """One row; a muted row is something left out."""

    cells: Sequence[Cell]
    muted: bool = False


@dataclass(frozen=True)
class Head:
    """Name and unit of one column; the head of a column of text stands left."""

    name: str
    unit: str = ""
    is_text: bool = False


@dataclass(frozen=True)
class TableBlock:
    """A table with its head, rows and, where given, a last row of sums."""

    kind: ClassVar[str] = "table"
    head: Sequence[Head]
    rows: Sequence[Row]
    foot: Row | None = None
    caption: str = ""


@dataclass(frozen=True)
class Code:
    """Text to copy, folded away unless open."""

    kind: ClassVar[str] = "code"
    caption: str
    code: str
    open: bool = False


@dataclass(frozen=True)
class Check:
    """One statement on the trustworthiness of a number; state is good, note or bad."""

    state: str
    text: str


@dataclass(frozen=True)
class Checks:
    """A list of checks."""

    kind: ClassVar[str] = "checks"
    checks: Sequence[Check]


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    kind: ClassVar[str] = "text"
    text: str


@dataclass(frozen=True)
class Section:
    """A titled part of the page."""

    anchor: str
    title: str
    blocks: Sequence[Figures | TableBlock | Code | Checks | Text]
    text: str = ""


@dataclass(frozen=True)
class Page:
    """The whole page."""

    title: str
    kind: str
    lead: str
    tiles: Sequence[Tile]
    sections: Sequence[Section]
    warnings: Sequence[str] = field(default_factory=tuple)
