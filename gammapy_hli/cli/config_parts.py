"""What the commands of ``gammapy-hli config`` share: flags, the analysis that is meant, files that they write."""

from pathlib import Path
from typing import Any

from gammapy_hli.analysis import Analysis
from gammapy_hli.base.atomic_write import write_text
from gammapy_hli.cli import PROGRAM
from gammapy_hli.cli.arguments import Arguments, Parser, UsageError, common_parser
from gammapy_hli.cli.session import CONFIG_FILE
from gammapy_hli.run.outdir import CONFIG_MARK

FILES = "[FILE ...]"


def config_parser(
    action: str, description: str, *, reads: bool = False, writes: bool = False, words: str = ""
) -> Parser:
    """The flags of one action.

    Parameters
    ----------
    action, description : str
    reads : bool
        Whether it takes configurations, or the session in an output folder.
    writes : bool
        Whether it writes a text, to stdout or to a file.
    words : str
        Plain words that it takes, for the usage.
    """
    usage = [f"{PROGRAM} config {action}", words] + ["[-c FILE] [--outdir FOLDER] [--option value]"] * reads
    usage += ["[-o FILE]"] * writes
    parser = common_parser(f"{PROGRAM} config {action}", description, " ".join(part for part in usage if part))
    if reads:
        parser.add_argument(
            "-c", "--config", metavar="FILE", action="append", default=[], help="configuration; may repeat"
        )
        parser.add_argument("--outdir", metavar="FOLDER", help="a session; without FILE its configuration is taken")
        parser.add_argument("--strict", action="store_true", help="warnings are errors")
    if writes:
        parser.add_argument("-o", "--output", metavar="FILE", help="write to this file in place of stdout")
        parser.add_argument("--overwrite", action="store_true", help="replace a file that is there")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def take_files(arguments: Arguments) -> None:
    """Files given as plain words are configurations."""
    arguments.flags.config = [*arguments.words, *arguments.flags.config]


def refuse_options(arguments: Arguments) -> None:
    """UsageError where an option of the configuration has no meaning."""
    if arguments.options:
        raise UsageError(f"unknown option '--{arguments.options[0][2]}'")


def showed_help(parser: Parser, arguments: Arguments) -> bool:
    """Show the help where it is asked for."""
    if arguments.flags.help or arguments.flags.help_all:
        print(parser.format_help(), end="")
        return True
    return False


def configuration_names(arguments: Arguments, analysis: Analysis) -> list[str]:
    """The files that an analysis was made from: those that were given, or that of the session."""
    if arguments.flags.config:
        return list(arguments.flags.config)
    saved = Path(analysis.general.outdir) / CONFIG_FILE
    return [str(saved)] if saved.is_file() else []


def is_saved(names: list[str]) -> bool:
    """Whether one of the files is that of a session, in which every option is set."""
    return any(Path(name).read_text(encoding="utf-8", errors="replace").startswith(CONFIG_MARK) for name in names)


def target_folder(flags: Any) -> Path:
    """Folder in which a text will stand."""
    return Path() if flags.output is None else Path(flags.output).parent


def check_target(flags: Any) -> None:
    """UsageError where the output file is there already, or cannot be."""
    if flags.output is None:
        return
    path = Path(flags.output)
    if path.is_dir() or not path.parent.is_dir():
        what = "is a folder" if path.is_dir() else f"there is no folder {path.parent}"
        raise UsageError(f"--output {path}: {what}; expected the name of a file in a folder that is there")
    if path.exists() and not flags.overwrite:
        raise UsageError(f"{path} is there already.", "Choose another name, or allow it with --overwrite")


def write_output(text: str, flags: Any) -> int:
    """Write to stdout, or to the file that was asked for."""
    check_target(flags)
    if flags.output is None:
        print(text, end="")
    else:
        write_text(flags.output, text)
    return 0
