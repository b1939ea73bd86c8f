"""Questions on a terminal, each with a flag that answers it, and checks of the answers."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gammapy_hli.base.errors import HliError, InputError
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.cli import PROGRAM
from gammapy_hli.cli.arguments import UsageError

QUESTIONS = {
    "datastore": ("FOLDER", "Data store", "folder with hdu-index.fits.gz; also as plain word"),
    "target": ("NAME", "Target", 'an object of the store, or a position, "83.63 deg, 22.01 deg"'),
    "type": ("TYPE", "Type of analysis", "spectrum, light-curve, image (2D) or map (3D)"),
    "on-radius": ("ANGLE", "Radius of the on region", "for spectrum and light-curve"),
    "width": ("ANGLE", "Width of the maps", "for image and map"),
    "background": ("METHOD", "Background", "reflected, wobble, irf; for image ring, irf; for map fov, irf, ring"),
    "energy-min": ("ENERGY", "Lowest energy", "of the reconstructed energies"),
    "energy-max": ("ENERGY", "Highest energy", "of the reconstructed energies"),
    "safe-mask": ("METHOD", "Safe energies", "aeff-default or aeff-max"),
    "model": ("TYPE", "Spectral model", "pl, lp or ecpl (not for an image)"),
    "output": ("FILE", "File to write", "the configuration"),
}
"""Questions in their order: what stands for the answer, the question, more words."""

Check = Callable[[str], Any]
"""Gives what an answer means; HliError or ValueError where it cannot be."""


@dataclass
class Asker:
    """Gets answers: from flags, from a terminal, or as proposed.

    Attributes
    ----------
    flags : argparse.Namespace
        Has a value or None for every question, and ``yes``.
    is_terminal : bool
        Whether somebody can be asked.
    """

    flags: Any
    is_terminal: bool

    def given(self, name: str) -> str | None:
        """What a flag says."""
        found: str | None = getattr(self.flags, name.replace("-", "_"))
        return found

    def refuse_silence(self) -> None:
        """UsageError where there is nobody to ask: all that would be asked, at once."""
        if self.flags.yes or self.is_terminal:
            return
        needless = {"on-radius"} if self.given("type") in ("image", "map") else {"width"}
        needless |= {"model"} if self.given("type") == "image" else set()
        missing = [f"--{name}" for name in QUESTIONS if self.given(name) is None and name not in needless]
        if missing:
            hint = "Give them, or take what is proposed with --yes."
            raise UsageError(f"there is no terminal to ask on, and no answer to {', '.join(missing)}.", hint)

    def settle(self, name: str, proposed: str | None, why: str, check: Check) -> Any:
        """An answer, checked; on a terminal asked for until it is right.

        Raises
        ------
        UsageError
            The answer of a flag is wrong, there is nothing to propose, or the questions were left.
        InputError
            What a flag names is not there or cannot be used.
        """
        given = self.given(name)
        if given is not None:
            return self._checked(name, given, check)
        if self.flags.yes:
            if proposed is None:
                raise UsageError(f"--{name} is needed: {why}")
            tell(f"{QUESTIONS[name][1]}: {proposed} ({why})")
            return self._checked(name, proposed, check)
        while True:
            answer = self._ask(name, proposed, why)
            try:
                return check(answer)
            except (HliError, ValueError) as error:
                tell(f"  {_words(error)}")

    def _checked(self, name: str, given: str, check: Check) -> Any:
        try:
            return check(given)
        except InputError as error:  # the answer is well formed, but what it names cannot be used
            raise InputError(f"--{name}: {error}") from None
        except (HliError, ValueError) as error:
            raise UsageError(f"--{name}: {_words(error)}") from None

    def _ask(self, name: str, proposed: str | None, why: str) -> str:
        """One question on the terminal; an empty line takes the proposal."""
        shown = f"[{proposed}] " if proposed is not None else ""
        print(f"{QUESTIONS[name][1]}: {why}\n  {shown}> ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            raise UsageError("the questions were left before the last one; nothing is written")
        return line.strip() or proposed or ""


def tell(text: str) -> None:
    """A line for the user, beside the result."""
    print(text, file=sys.stderr)


def _words(error: Exception) -> str:
    """The message of an error without the name of the program."""
    return str(error).removeprefix(f"{PROGRAM}: ")


def one_of(allowed: Sequence[str]) -> Check:
    """A check that lets certain words pass."""

    def check(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"'{text}' is not allowed.{did_you_mean(text, allowed)} Allowed: {', '.join(allowed)}")
        return text

    return check


def number_of(text: str, unit: str) -> float:
    """A positive quantity as a number in a unit; ValueError where it is none."""
    from gammapy_hli.core.quantity_traits import Quantity, number_in  # late: only where a number is asked for

    return number_in(Quantity(unit=unit, above=f"0 {unit}", help="A question.").check(text), unit)


def quantity_above(unit: str, low: str | None = None) -> Check:
    """A check that lets positive quantities pass, above another one where that is given."""

    def check(text: str) -> str:
        number = number_of(text, unit)
        if low is not None and number <= number_of(low, unit):
            raise ValueError(f"{text} is not above {low}")
        return text

    return check


def new_file(may_replace: bool) -> Check:
    """A check that lets names of files pass that are not there, or may be replaced."""

    def check(text: str) -> str:
        path = Path(text)
        if path.is_dir() or not path.parent.is_dir():
            raise ValueError(f"{text} is a folder" if path.is_dir() else f"there is no folder {path.parent}")
        if path.exists() and not may_replace:
            raise ValueError(f"{text} is there already; choose another name, or allow it with --overwrite")
        return text

    return check
