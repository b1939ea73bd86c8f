"""Entry points: the umbrella ``gammapy-hli`` and one executable a step; exceptions become exit codes here."""

import errno
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import Any

from gammapy_hli import __version__
from gammapy_hli.base.errors import FolderError, HliError, StepError, Terminated
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.cli import COMMANDS, INTERRUPTED, PROGRAM, Command
from gammapy_hli.cli.arguments import UsageError
from gammapy_hli.run.signals import termination_raises

UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}
"""What is wrong where something cannot be written; steps tell it themselves, with what is lost."""


def main(argv: Sequence[str] | None = None) -> int:
    """``gammapy-hli COMMAND ...``; returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    return guarded(partial(_dispatch, arguments), "--debug" in arguments)


def executable(command: Command) -> Callable[[], int]:
    """The function behind ``gammapy-hli-<command>``."""

    def run() -> int:
        return guarded(partial(_call, command, sys.argv[1:]), "--debug" in sys.argv)

    return run


def __getattr__(name: str) -> Any:
    for command in COMMANDS:
        if command.name.replace("-", "_") == name:
            return executable(command)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def guarded(function: Callable[[], int], show_traceback: bool = False) -> int:
    """Call a command; tell an error in one message on stderr and give its exit code."""
    try:
        with termination_raises():
            code = function()
        sys.stdout.flush()  # a reader that is gone is met here, not at the end of the program
        return code
    except Terminated as error:
        return error.exit_code
    except KeyboardInterrupt:
        print(f"{PROGRAM}: interrupted; what is done is kept, the same command goes on", file=sys.stderr)
        exec("")  # Python remembers an interrupt that met the exec of a text (a dataclass), and would end by SIGINT
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except HliError as error:
        if show_traceback:
            raise
        tell(error)
        return error.exit_code
    except Exception as error:
        if show_traceback:
            raise
        if isinstance(error, OSError) and error.errno in UNWRITABLE:
            where = "" if error.filename is None else f"{error.filename}: "
            print(f"{PROGRAM}: {where}{error.strerror}. Make room or give the right to write there", file=sys.stderr)
            return FolderError.exit_code
        print(f"{PROGRAM}: unexpected {type(error).__name__}: {error}", file=sys.stderr)
        print("This is an error of the program. Run again with --debug and report what it shows.", file=sys.stderr)
        return 1


def tell(error: HliError) -> None:
    """Print an error on stderr."""
    text = str(error)
    print(text if text.startswith(PROGRAM) else f"{PROGRAM}: {text}", file=sys.stderr)
    if isinstance(error, StepError) and error.exit_code == 1 and not isinstance(error.__cause__, HliError):
        print("Run again with --debug to see where.", file=sys.stderr)


def overview() -> str:
    """What ``gammapy-hli --help`` shows."""
    width = max(len(command.name) for command in COMMANDS)
    lines = [
        f"usage: {PROGRAM} COMMAND [options]",
        "",
        "From gamma-ray event lists to spectra: one YAML file, one command.",
        "",
        "commands:",
        *(f"  {command.name:<{width}}  {command.help}" for command in COMMANDS),
        "",
        f"{PROGRAM} COMMAND --help shows the options of a command; start with: {PROGRAM} demo",
        f"with data of your own: {PROGRAM} init",
    ]
    return "\n".join(lines)


def _dispatch(arguments: list[str]) -> int:
    name = arguments[0] if arguments else ""
    if name in ("", "-h", "--help", "help"):
        print(overview())
        return 0 if name else 2
    if name in ("--version", "-V"):
        print(f"{PROGRAM} {__version__}")
        return 0
    for command in COMMANDS:
        if command.name in (name, name.replace("_", "-")):
            return _call(command, arguments[1:])
    hint = did_you_mean(name, [command.name for command in COMMANDS])
    raise UsageError(f"unknown command '{name}'.{hint} See {PROGRAM} --help")


def _call(command: Command, arguments: list[str]) -> int:
    module, _, name = command.address.partition(":")
    function = getattr(import_module(module), name)
    return function(arguments, command.argument) if command.argument else function(arguments)
