"""``gammapy-hli config to-script | to-notebook | from-gammapy``: the same analysis in another form."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from gammapy_hli.assistant.cells import Cell, analysis_cells
from gammapy_hli.base.near_path import near_path
from gammapy_hli.cli.arguments import UsageError, split
from gammapy_hli.cli.config_parts import (
    FILES,
    check_target,
    config_parser,
    configuration_names,
    is_saved,
    refuse_options,
    showed_help,
    take_files,
    target_folder,
    write_output,
)
from gammapy_hli.cli.session import problem_line, resolve_session
from gammapy_hli.core.scalar_traits import expand_path

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
    parser = config_parser(action, description, reads=True, writes=True, words=FILES)
    arguments = split(parser, argv, positional=1000)
    if showed_help(parser, arguments):
        return 0
    take_files(arguments)
    check_target(arguments.flags)
    analysis = resolve_session(arguments, complete=False).build()
    names = configuration_names(arguments, analysis)
    if not is_saved(names):  # what a session holds besides its options may be what they lack
        analysis.check_ready()
    told = " + ".join(Path(name).name for name in names) or "the command line"
    cells = analysis_cells(analysis, target_folder(arguments.flags), only_changed=is_saved(names))
    return write_output(make_text(cells, f"The analysis of {told}"), arguments.flags)


def from_gammapy(argv: list[str]) -> int:
    """A configuration of gammapy's high level interface as one of ours."""
    from gammapy_hli.assistant.from_gammapy import converted_yaml  # late: other commands need none

    about = "Convert a configuration of gammapy (AnalysisConfig, YAML); what cannot be carried over is told."
    parser = config_parser("from-gammapy", about, writes=True, words="FILE")
    parser.add_argument(
        "--models", metavar="FILE", help="models file of gammapy, which its configuration does not name"
    )
    arguments = split(parser, argv, positional=1)
    refuse_options(arguments)
    if showed_help(parser, arguments):
        return 0
    flags = arguments.flags
    if not arguments.words:
        raise UsageError("no file to convert", "write gammapy-hli config from-gammapy FILE")
    check_target(flags)
    if flags.models is not None and not expand_path(flags.models, None).is_file():
        raise UsageError(f"--models {flags.models}: there is no such file", near_path(flags.models))
    text, lost = converted_yaml(arguments.words[0], target_folder(flags), flags.models)
    for problem in lost:
        print(problem_line(problem), file=sys.stderr)
    return write_output(text, flags)
