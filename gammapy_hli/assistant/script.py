"""An analysis as a script in Python."""

from collections.abc import Iterator, Sequence
from textwrap import indent, wrap

from gammapy_hli.assistant.cells import Cell
from gammapy_hli.assistant.python_text import WIDTH

_GUARD = 'if __name__ == "__main__":  # other processes, where general.n_jobs asks for them, import this file'


def script_text(cells: Sequence[Cell], origin: str) -> str:
    """The script.

    Parameters
    ----------
    cells : sequence of Cell
    origin : str
        What it was made from, for its first lines.
    """
    head = [
        f'"""{origin}, step by step in Python. Relative paths are those of the folder where it runs.',
        "",
        "Options that are not set here stand at their defaults. Steps that are up to date in the output folder are not",
        'run again, so that it can be changed and run as often as you like.\n"""',
        "",
        "from gammapy_hli import Analysis",
        "",
        _GUARD,
    ]
    body = "\n\n".join("\n".join(_block(cell)) for cell in cells)
    return "\n".join(head) + "\n" + indent(body, "    ", lambda line: bool(line.strip())) + "\n"


def _block(cell: Cell) -> Iterator[str]:
    text = f"{cell.title}: {cell.words}"
    yield from wrap(text, WIDTH, initial_indent="# -- ", subsequent_indent="#    ", break_on_hyphens=False)
    yield cell.code
    if cell.shown:
        yield f"print({cell.shown})"
