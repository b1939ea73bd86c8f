"""The covariance file beside a models file: gammapy's fixed-width table, one row and one column a parameter."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gammapy_hli.base.atomic_write import write_text
from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.models.spectral.base import FloatArray

__all__ = ["covariance_text", "read_covariance", "write_covariance"]


def covariance_text(names: Sequence[str], covariance: FloatArray) -> str:
    """The table as text; numbers are written such that they are read back to the last bit."""
    rows = [["Parameters", *(str(place) for place in range(len(names)))]]
    rows += [[name, *(repr(float(value)) for value in row)] for name, row in zip(names, covariance, strict=True)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(names) + 1)]
    lines = (" | ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "".join(f"| {line} |\n" for line in lines)


def write_covariance(path: str | os.PathLike[str], names: Sequence[str], covariance: FloatArray) -> None:
    """Write the covariance (n, n) of the parameters with the given names."""
    write_text(path, covariance_text(names, covariance))


def read_covariance(path: str | os.PathLike[str], names: Sequence[str]) -> FloatArray:
    """The covariance (n, n) of a file, whose rows must be the given parameters in their order.

    Raises
    ------
    InputError
        The file is missing, is no such table, or is that of other parameters.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(
            f"{path}: the covariance cannot be read: {error.strerror}. "
            "Take 'covariance' out of the models file to do without."
        ) from None
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines if line.strip()]
    found = [row[0] for row in rows[1:]]
    if not rows or rows[0][0] != "Parameters":
        raise InputError(
            f"{path}: line 1 does not begin with '| Parameters |'; expected a covariance as gammapy writes it"
        )
    if found != list(names):
        raise InputError(
            f"{path}: has the parameters {', '.join(found)}; expected those of the models: {', '.join(names)}"
        )
    try:
        matrix = np.array([[float(cell) for cell in row[1:]] for row in rows[1:]], dtype=float).reshape(
            len(names), len(names)
        )
    except ValueError as error:
        raise InputError(f"{path}: {error}; expected {len(names)} numbers in each of {len(names)} rows") from None
    return matrix
