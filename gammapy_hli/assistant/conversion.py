"""What converting a configuration of gammapy keeps account of: options carried over, and what could not be."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gammapy_hli.assistant.gammapy_fields import FIELDS, GammapyConfig
from gammapy_hli.base.errors import Problem
from gammapy_hli.core.effective import relative_path
from gammapy_hli.core.entries import Entry, entry_from_python, merge
from gammapy_hli.core.option import InvalidValue
from gammapy_hli.core.origins import DEFAULT_ORIGIN
from gammapy_hli.core.plain import format_number, plain_text
from gammapy_hli.core.quantity_traits import number_in


@dataclass
class Conversion:
    """What was found.

    Attributes
    ----------
    entry : Entry
        Our options, each with its place in gammapy's file.
    lost : list of Problem
        Warnings: what could not be carried over, or means something else here.
    notes : dict of dotted path to list of str
        The same for comments, by our section.
    waiting : dict of str to dict
        Options of steps that need a model, where there is none.
    """

    entry: Entry = field(default_factory=lambda: Entry({}, DEFAULT_ORIGIN))
    lost: list[Problem] = field(default_factory=list)
    notes: dict[str, list[str]] = field(default_factory=dict)
    waiting: dict[str, dict[str, Any]] = field(default_factory=dict)


class Ledger:
    """Moves options from their configuration to ours, one by one.

    Parameters
    ----------
    theirs : GammapyConfig

    Attributes
    ----------
    result : Conversion
    problems : list of Problem
        What gammapy would refuse too.
    """

    def __init__(self, theirs: GammapyConfig):
        self.theirs = theirs
        self.result = Conversion()
        self.problems: list[Problem] = []
        self._told: set[str] = set()

    def put(self, ours: str, value: Any, path: str) -> None:
        """Set an option of ours from one of theirs."""
        self._told.add(path)
        entry = entry_from_python({ours: value}, self.theirs.origin(path))
        self.result.entry = merge(self.result.entry, entry)

    def note(self, section: str, path: str, words: str) -> None:
        """Say something about an option of theirs, at its place and beside our section."""
        self._told.add(path)
        origin = self.theirs.origin(path)
        self.result.lost.append(origin.problem("from-gammapy", path, words, warning=True))
        self.result.notes.setdefault(section, []).append(f"gammapy's {path}: {words}")

    def lose(self, section: str, path: str, words: str) -> None:
        """Say that an option of theirs that is set cannot be carried over."""
        if self.theirs.differs(path):
            self.note(section, path, f"{plain_text(self.theirs[path])} is not carried over: {words}")

    def see(self, path: str) -> None:
        """Take note of an option of theirs that is what we do anyway."""
        self._told.add(path)

    def refuse(self, path: str, message: str, hint: str | None = None) -> None:
        """What gammapy refuses too."""
        self.problems.append(self.theirs.origin(path).problem("value", path, message, hint=hint))

    def input_path(self, path: str) -> str | None:
        """A file or folder of theirs, which is relative to the working directory, as it is relative to their file."""
        written = self.theirs[path]
        folder = self.theirs.origin(path).folder
        if not isinstance(written, str) or folder is None:
            return written
        return relative_path(written, None, folder)

    def circle(self, path: str) -> dict[str, Any] | None:
        """A circle of theirs; None where there is none."""
        values = {name: self.theirs[f"{path}.{name}"] for name in ("frame", "lon", "lat", "radius")}
        missing = [name for name, value in values.items() if value is None]
        if len(missing) == len(values) or values["lon"] is None:
            return None
        if missing:
            self.refuse(path, f"has no {' and no '.join(missing)}", "give frame, lon, lat and radius")
            return None
        return {"center": {name: values[name] for name in ("frame", "lon", "lat")}, "radius": values["radius"]}

    def axis(self, path: str) -> dict[str, Any] | None:
        """An axis of theirs; None where it is not whole, which to gammapy is none.

        The default axis counts only where no part of it is set.
        """
        node = self.theirs.node(path)
        given = {} if node is None else node.plain() or {}
        values = {name: given.get(name) if given else self.theirs[f"{path}.{name}"] for name in ("min", "max", "nbins")}
        return None if None in values.values() else values

    def edges(self, path: str) -> list[str] | None:
        """Edges of an axis of theirs, of equal width in log(E), as texts."""
        axis = self.axis(path)
        if axis is None:
            return None
        try:
            low, high, number = number_in(axis["min"], "TeV"), number_in(axis["max"], "TeV"), int(axis["nbins"])
            if not (0 < low < high and number > 0):
                raise ValueError
        except (InvalidValue, AssertionError, TypeError, ValueError):
            self.refuse(path, "is no axis of energy", "write e.g. {min: 1 TeV, max: 10 TeV, nbins: 5}")
            return None
        inside = [low * (high / low) ** (step / number) for step in range(1, number)]
        texts = [f"{format_number(float(f'{edge:.12g}'))} TeV" for edge in inside]
        return [str(axis["min"]), *texts, str(axis["max"])]

    def parameters(self, path: str, ours: str, section: str, known: Mapping[str, str]) -> None:
        """A free mapping of theirs: what is known is carried over, all else told."""
        self._told.add(path)
        for key in self.theirs[path] or {}:
            here = f"{path}.{key}"
            if key in known:
                self.put(f"{ours}.{known[key]}", self.theirs[here], here)
            elif key != "selection_optional":
                self.lose(section, here, "no option of ours does this.")

    def lose_the_rest(self, reasons: Mapping[str, str]) -> None:
        """Tell all that is set and was not looked at: whole sections where nothing in them was.

        Parameters
        ----------
        reasons : mapping of dotted path to str
            Why, for what lies below a path; the longest path counts.
        """
        for path in self._untold(FIELDS, ""):
            above = [place for place in reasons if _is_below(path, place)]
            self.lose("general", path, reasons[max(above, key=len)] if above else "there is no such option here.")

    def _untold(self, fields: Mapping[str, Any], above: str) -> Iterator[str]:
        for name, default in fields.items():
            path = f"{above}.{name}" if above else name
            if any(_is_below(path, told) for told in self._told) or not self._is_changed(default, path):
                continue
            is_partly_told = any(_is_below(told, path) for told in self._told)
            if isinstance(default, Mapping) and (is_partly_told or not above):
                yield from self._untold(default, path)
            else:
                yield path

    def _is_changed(self, default: Any, path: str) -> bool:
        """Whether an option, or any in a section, differs from its default."""
        if isinstance(default, Mapping):
            return any(self._is_changed(below, f"{path}.{name}") for name, below in default.items())
        return self.theirs.differs(path)


def _is_below(path: str, above: str) -> bool:
    return path == above or path.startswith(f"{above}.")
