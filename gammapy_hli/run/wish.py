"""Which part of a chain is asked for."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from gammapy_hli.run.step import Step


@dataclass(frozen=True)
class Wish:
    """Which part of a chain is asked for.

    Attributes
    ----------
    start : str or None
        First step that is run; the products of those before it are used as they are.
    until : str or None
        Last step that is run.
    only : names of steps or None
        The only steps that may run; the products of others are used as they are.
    force : bool or names of steps
        Steps that run although they are up to date.
    given : names of steps
        Steps whose product was set in Python: used as it is.
    """

    until: str | None = None
    only: Collection[str] | None = None
    force: bool | Collection[str] = ()
    given: Collection[str] = ()
    start: str | None = None

    def allowed(self, steps: Sequence[Step]) -> set[str]:
        """Names of the steps that may run."""
        names = [step.name for step in steps]
        for name in (*filter(None, (self.start, self.until)), *(self.only or ())):
            if name not in names:
                raise ValueError(f"no step '{name}' in the chain {', '.join(names)}")
        return set(part_of(names, self.start, self.until, self.only)) - set(self.given)


def part_of(
    names: Sequence[str], start: str | None, until: str | None, only: Collection[str] | None
) -> tuple[str, ...]:
    """The names from a first to a last one (both included), of these only some; all where nothing is said."""
    first = 0 if start is None else names.index(start)
    last = len(names) if until is None else names.index(until) + 1
    return tuple(name for name in names[first:last] if only is None or name in only)


def order_problem(names: Sequence[str], start: str | None, until: str | None) -> str | None:
    """What is wrong with a first step behind the last one; None where nothing is."""
    if start is None or until is None or names.index(start) <= names.index(until):
        return None
    return f"'{start}', the first step to run, comes after '{until}', the last one. Steps: {', '.join(names)}"
