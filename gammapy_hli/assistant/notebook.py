"""An analysis as a Jupyter notebook: the plain JSON of the notebook format 4.5, written without nbformat."""

import json
from collections.abc import Sequence
from typing import Any

from gammapy_hli.assistant.cells import Cell

FORMAT = (4, 5)
"""Version of the notebook format (nbformat 4, minor version 5: cells have ids)."""


def notebook_text(cells: Sequence[Cell], origin: str) -> str:
    """The notebook as JSON, without outputs.

    Parameters
    ----------
    cells : sequence of Cell
    origin : str
        What it was made from, for its first words.
    """
    words = (
        f"# {origin}\n\nStep by step in Python. Relative paths are those of the folder where the notebook runs. "
        "Options that are not set here stand at their defaults. Steps that are up to date in the output folder are "
        "not run again."
    )
    made: list[dict[str, Any]] = [_markdown(words, 0), _code("from gammapy_hli import Analysis", 1)]
    for cell in cells:
        made.append(_markdown(f"## {cell.title}\n\n{cell.words}", len(made)))
        made.append(_code(f"{cell.code}\n{cell.shown}".rstrip("\n"), len(made)))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    major, minor = FORMAT
    notebook = {"cells": made, "metadata": metadata, "nbformat": major, "nbformat_minor": minor}
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def _markdown(text: str, number: int) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": f"cell-{number:02d}", "metadata": {}, "source": _lines(text)}


def _code(text: str, number: int) -> dict[str, Any]:
    head = {"cell_type": "code", "execution_count": None, "id": f"cell-{number:02d}"}
    return {**head, "metadata": {}, "outputs": [], "source": _lines(text)}


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)
