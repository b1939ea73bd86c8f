"""From argv to flags and options: ``--reduction.energy.min "0.3 TeV"`` sets an option, ``-c``, ``-q`` are flags.

Flags are argparse's; everything else that begins with ``--`` is an option of the configuration, whose name and value
are checked with all others. An option takes all words up to the next one, so that lists need no brackets and negative
values no quotes.
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from textwrap import fill
from typing import Any, NoReturn

from gammapy_hli.base.errors import COMMAND_LINE, ConfigError, Problem
from gammapy_hli.base.suggest import did_you_mean

OptionWords = tuple[str, tuple[str, ...], str]
_SHORT = ("-c", "-q", "-v", "-h", "-o")


class UsageError(ConfigError):
    """A command line that cannot be understood."""

    def __init__(self, message: str, hint: str | None = None):
        super().__init__(Problem("usage", "", message, COMMAND_LINE, hint=hint))


def help_width() -> int:
    """Characters of a line of help: those of the terminal, up to 100."""
    return max(60, min(100, shutil.get_terminal_size((100, 24)).columns))


class Parser(argparse.ArgumentParser):
    """argparse without abbreviations, that raises and does not exit."""

    def __init__(self, **kwargs: Any):
        super().__init__(allow_abbrev=False, add_help=False, formatter_class=_Formatter, **kwargs)

    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


class _Formatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str):
        super().__init__(prog, max_help_position=30, width=help_width())


@dataclass
class Arguments:
    """A command line, taken apart.

    Attributes
    ----------
    flags : argparse.Namespace
    options : list of (path, words, as typed)
        Options of the configuration.
    words : list of str
        Words that belong to neither.
    known : tuple of str
        All flags of the command, for suggestions.
    """

    flags: argparse.Namespace
    options: list[OptionWords] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    known: tuple[str, ...] = ()


def common_parser(program: str, description: str = "", usage: str | None = None) -> Parser:
    """The flags that all commands have."""
    about = "\n".join(fill(line, help_width()) for line in description.splitlines())
    parser = Parser(prog=program, description=about, usage=usage)
    show = parser.add_argument_group("help")
    show.add_argument("-h", "--help", action="store_true", help="show the everyday options")
    show.add_argument("--help-all", action="store_true", help="show all options")
    return parser


def add_run_flags(parser: Parser) -> None:
    """Flags of the commands that run steps."""
    group = parser.add_argument_group("flags")
    group.add_argument(
        "-c", "--config", metavar="FILE", action="append", default=[], help="configuration; may repeat, later ones win"
    )
    group.add_argument("--outdir", metavar="FOLDER", help="same as --general.outdir")
    group.add_argument("--n-jobs", metavar="INT", help="same as --general.n_jobs")
    group.add_argument("--log-level", metavar="NAME", help="same as --general.log_level")
    group.add_argument("--log-file", metavar="FILE", help="write what is told to this file too")
    group.add_argument("-q", "--quiet", action="store_true", help="tell warnings and errors only")
    group.add_argument("-v", "--verbose", action="store_true", help="tell more")
    group.add_argument("--no-progress", action="store_true", help="no progress bars")
    group.add_argument("--strict", action="store_true", help="warnings are errors")
    group.add_argument("--dry-run", action="store_true", help="show what would be done, and do nothing")
    group.add_argument("--overwrite", action="store_true", help="use an outdir that holds something else")
    group.add_argument("--debug", action="store_true", help="show the traceback of an error")
    group.add_argument(
        "--force", metavar="STEP", nargs="*", default=None, help="run these steps (all) although up to date"
    )


def split(parser: Parser, argv: Sequence[str], positional: int = 0) -> Arguments:
    """Take argv apart.

    Parameters
    ----------
    parser : Parser
        Its flags are known.
    argv : sequence of str
    positional : int
        How many plain words are wanted at most.

    Raises
    ------
    UsageError
        A stray word, or a flag without its value.
    """
    flags: list[str] = []
    options: list[OptionWords] = []
    words: list[str] = []
    known = {name: action for action in parser._actions for name in action.option_strings}
    rest = list(argv)
    while rest:
        token = rest.pop(0)
        name = token.partition("=")[0]
        if name in known:
            flags += [token, *_values_of(known[name], token, rest)]
        elif token.startswith("--") and len(token) > 2:
            options.append(_option(token, rest))
        elif token.startswith("-") and len(token) == 2 and token[1].isalpha():
            raise UsageError(f"unknown flag '{token}'.{did_you_mean(token, list(known))}")
        else:
            words.append(token)
    if len(words) > positional:
        stray = words[positional]
        raise UsageError(f"unexpected word '{stray}'.{_hint_for_word(stray, known)}")
    return Arguments(parser.parse_args(flags), options, words, tuple(known))


def _values_of(action: argparse.Action, token: str, rest: list[str]) -> list[str]:
    """The words that belong to a flag, taken from the rest."""
    if "=" in token or action.nargs == 0:
        return []
    if action.nargs in ("*", "+"):
        return _take_words(rest)
    return [rest.pop(0)] if rest and not _is_flag(rest[0]) else []


def _option(token: str, rest: list[str]) -> OptionWords:
    name, equals, value = token[2:].partition("=")
    return name, (value,) if equals else tuple(_take_words(rest)), name


def _take_words(rest: list[str]) -> list[str]:
    taken = []
    while rest and not _is_flag(rest[0]):
        taken.append(rest.pop(0))
    return taken


def _is_flag(word: str) -> bool:
    return (word.startswith("--") and len(word) > 2) or word in _SHORT


def _hint_for_word(word: str, known: dict[str, Any]) -> str:
    if word.endswith((".yaml", ".yml", ".json")):
        return f" A configuration is given with -c: -c {word}"
    return did_you_mean(f"--{word}", list(known)) or " Options begin with --, as in --reduction.energy.min '0.3 TeV'"


def color(text: str, code: str) -> str:
    """Text in color where stdout is a terminal."""
    from gammapy_hli.run.logs import is_color_wanted  # late: help needs no logging

    return f"\x1b[{code}m{text}\x1b[0m" if is_color_wanted(sys.stdout) else text
