"""``gammapy-hli config to-script | to-notebook | from-gammapy``: the same analysis in another form."""

from collections.abc import Callable, Sequence
from pathlib import Path

from gammapy_hli.assistant.cells import Cell, analysis_cells
from gammapy_hli.cli.arguments import split
from gammapy_hli.cli.config_parts import (
    check_target,
    config_parser,
    configuration_names,
    is_saved,
    showed_help,
    take_files,
    target_folder,
    write_output,
)
from gammapy_hli.cli.session import resolve_session

TextMaker = Callable[[Sequence[Cell], str], str]


def to_script(argv: list[str]) -> int:
    """The analysis of a configuration as a script in Python."""
    from gammapy_hli.assistant.script import script_text  # late: other commands need none

    return _tell("to-script", "Write the same analysis as a script in Python, step by step.", argv, script_text)


def to_notebook(argv: list[str]) -> int:
    """The analysis of a configuration as a notebook."""
    from gammapy_hli.assistant.notebook import notebook_text  # late: other commands need none

    return _tell("to-notebook", "Write the same analysis as a Jupyter notebook, step by step.", argv, notebook_text)


def _tell(action: str, description: str, argv: list[str], make_text: TextMaker) -> int:
    parser = config_parser(action, description, reads=True, writes=True)
    arguments = split(parser, argv, positional=1000)
    if showed_help(parser, arguments):
        return 0
    take_files(arguments)
    check_target(arguments.flags)
    analysis = resolve_session(arguments).build()
    names = configuration_names(arguments, analysis)
    told = " + ".join(Path(name).name for name in names) or "the command line"
    cells = analysis_cells(analysis, target_folder(arguments.flags), only_changed=is_saved(names))
    return write_output(make_text(cells, f"The analysis of {told}"), arguments.flags)
