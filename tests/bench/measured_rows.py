"""Measured numbers that are judged: each with its statistical error, what is wanted, and how near."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import perf_counter

import numpy as np


@dataclass(frozen=True)
class Row:
    """One measured number: what, its value with statistical error, what is wanted and how near."""

    what: str
    value: float
    error: float
    wanted: float
    tolerance: float

    @property
    def passes(self) -> bool:
        """Whether the value is within the tolerance."""
        return abs(self.value - self.wanted) <= self.tolerance

    def text(self) -> str:
        """One line of the table."""
        measured = f"{self.what:<60} {self.value:8.4f} ± {self.error:.4f}"
        return f"{measured}   wanted {self.wanted:.4f} ± {self.tolerance:.4f}   {'ok' if self.passes else 'FAILED'}"


@dataclass(frozen=True)
class Judge:
    """How near pulls must be to mean 0 and width 1, and what is added where fewer sets are drawn than that is for.

    Attributes
    ----------
    sets : int
        Number of sets that the tolerances are for.
    n_errors : float
        Statistical errors, beyond that of so many sets, which are added to the tolerance.
    max_shift, max_width_error : float
    """

    sets: int
    n_errors: float
    max_shift: float
    max_width_error: float

    def row(self, what: str, value: float, spread: float, n: int, wanted: float, tolerance: float) -> Row:
        """Row of a mean over n sets that scatter by `spread`."""
        margin = self.n_errors * spread * max(n**-0.5 - self.sets**-0.5, 0.0)
        return Row(f"{what} ({n} sets)", value, spread * n**-0.5, wanted, tolerance + margin)

    def pull_rows(self, label: str, pulls: dict[str, np.ndarray]) -> list[Row]:
        """Mean and width of the pulls of each parameter."""
        rows = []
        for name, column in pulls.items():
            what, n = f"{label}: pull of {name}", len(column)
            rows.append(self.row(f"{what}, mean", float(column.mean()), 1.0, n, 0.0, self.max_shift))
            width = float(column.std(ddof=1))
            rows.append(self.row(f"{what}, width", width, 0.5**0.5, n, 1.0, self.max_width_error))
        return rows


def print_rows(checks: Iterable[Callable[[], list[Row]]]) -> int:
    """Make the rows of each check, print them with the time that took; exit code 1 where one is out of tolerance."""
    rows: list[Row] = []
    for check in checks:
        start = perf_counter()
        new = check()
        print("\n".join(row.text() for row in new), f"  [{perf_counter() - start:.1f} s]", flush=True)
        rows += new
    failed = [row for row in rows if not row.passes]
    print(f"{len(failed)} of {len(rows)} numbers out of tolerance")
    return 1 if failed else 0
