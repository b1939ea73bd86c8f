"""The exceptions of gammapy_hli and the exit code that each one gives to a command.

Everything that this package raises on purpose descends from one class::

    Exception
     └─ HliError                      1   anything below; catch this one to catch all
         ├─ ConfigError               2   options: all problems at once, each with its place
         ├─ InputError                3   an input is missing or corrupt
         │   └─ NothingSelectedError  3   no run passes the selection
         ├─ MissingStepError          3   the product of an earlier step is not there; a call too early
         ├─ StepError                 1   a step failed (or the exit code of its cause, where that has one)
         ├─ FolderError               5   the output folder is locked, not ours, or not to be written to
         └─ ItemError                 1   one run, bin or interval fails because of its data; caught per item
    KeyboardInterrupt
     └─ Terminated                  143   SIGTERM, as an exception, so that every ``finally`` runs

The numbers are the exit codes of CONFIG.md section 7. A fit that does not converge is no exception but a status.
"""

import html
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

COMMAND_LINE = "command line"
PYTHON = "Python"
_WINDOW = 110  # characters of a source line that are shown at most


class HliError(Exception):
    """Root of all exceptions of this package; ``exit_code`` is what a command returns for it."""

    exit_code: int = 1

    def _render_traceback_(self) -> list[str]:
        """What IPython and Jupyter show instead of a long traceback: the message, which says where and what to do.

        The frames are kept where a cause is attached, because then the error may be ours.
        """
        if self.__cause__ is not None and not isinstance(self.__cause__, HliError):
            import traceback  # late: only when something is shown

            return traceback.format_exception(self)
        return f"{type(self).__name__}: {self}".splitlines()


@dataclass(frozen=True)
class Problem:
    """One mistake in the options, as data.

    Parameters
    ----------
    code : str
        Short stable name of the kind, e.g. ``unknown-key``, ``unit``, ``duplicate-key``.
    path : str
        Dotted path of the option, empty where none applies.
    message : str
        What was received and what is expected. The path is put before it when it does not already occur in it.
    file : str, optional
        Name of the file, or ``"command line"``, or ``"Python"``.
    line, column : int, optional
        Place in the file, both counted from 1.
    hint : str, optional
        What to do; printed after the message.
    text : str, optional
        The source line; where given it is printed with carets below the token at ``column``.
    severity : {"error", "warning"}
    length : int, optional
        Number of carets; guessed from the text where not given.
    """

    code: str
    path: str
    message: str
    file: str | None = None
    line: int | None = None
    column: int | None = None
    hint: str | None = None
    text: str | None = None
    severity: Literal["error", "warning"] = "error"
    length: int | None = None

    @property
    def place(self) -> str:
        """Where the problem stands: ``crab.yaml:9:5``, ``command line (--fit.tolerance)``, or an empty text."""
        if self.file == COMMAND_LINE:
            return f"{COMMAND_LINE} (--{self.path})" if self.path else COMMAND_LINE
        parts = [self.file, self.line, self.column if self.line is not None else None]
        return ":".join(str(part) for part in parts if part is not None)

    @property
    def sentence(self) -> str:
        """Path, message and hint on one line."""
        words = self.message
        if self.path and self.file != COMMAND_LINE and self.path not in words:
            words = f"{self.path}: {words}"
        if self.hint and self.hint.strip() not in words:
            hint = self.hint.strip()
            is_open = words[-1:].isalnum() or words[-1:] in ("'", '"', ")")
            stop = (
                "."
                if hint[0].isupper() and words[-1:] not in ".?!:;,"
                else ";"
                if hint[0].islower() and is_open
                else ""
            )
            words = f"{words}{stop} {hint}"
        return words

    def __str__(self) -> str:
        warning = "warning: " if self.severity == "warning" else ""
        place = f"{self.place}: " if self.place else ""
        lines = [f"{place}{warning}{self.sentence}"]
        if self.text is not None and self.column is not None:
            lines += _source_with_carets(self.text, self.column, self.length)
        return "\n".join(lines)


class ConfigError(HliError):
    """Options that cannot be used: every problem of all files, the command line and Python at once.

    ``str()`` is the list of CONFIG.md section 5, ``problems`` the same as data, sorted by place.
    """

    exit_code = 2

    def __init__(self, problems: Iterable[Problem] | Problem):
        given = (problems,) if isinstance(problems, Problem) else tuple(problems)
        self.problems: tuple[Problem, ...] = sort_problems(given)
        super().__init__(self.problems)

    @property
    def heading(self) -> str:
        """Number of problems and of warnings, in words."""
        n_warnings = sum(problem.severity == "warning" for problem in self.problems)
        n_errors = len(self.problems) - n_warnings
        counts = []
        if n_errors or not n_warnings:
            counts.append(f"{n_errors} configuration problem{'' if n_errors == 1 else 's'}")
        if n_warnings:
            counts.append(f"{n_warnings} warning{'' if n_warnings == 1 else 's'}")
        return ", ".join(counts)

    def __str__(self) -> str:
        return "\n".join([f"gammapy-hli: {self.heading}", *(_indent(str(problem)) for problem in self.problems)])

    def to_json(self) -> str:
        """The problems as a JSON text: a list of objects with code, path, file, line, column, message, hint."""
        return json.dumps([asdict(problem) for problem in self.problems], indent=2, ensure_ascii=False)

    def _render_traceback_(self) -> list[str]:
        return str(self).splitlines()

    def _repr_html_(self) -> str:
        rows = "".join(_problem_row(problem) for problem in self.problems)
        return (
            f'<div class="hli-problems"><b>{html.escape(self.heading)}</b>'
            f'<table style="border-collapse:collapse;text-align:left">{rows}</table></div>'
        )


class InputError(HliError):
    """An input is missing or corrupt. The message names file, HDU, column, what was found, expected, and what to do."""

    exit_code = 3


class NothingSelectedError(InputError):
    """No run passes the selection."""


class MissingStepError(HliError):
    """The product of an earlier step is not there, or a method was called before the one it needs."""

    exit_code = 3


class StepError(HliError):
    """A step failed.

    Parameters
    ----------
    step : str
        Name of the step (with its label).
    message : str
        Why it failed, usually the text of the cause.
    exit_code : int, optional
        Exit code of the command; the one of the cause where that is an `HliError`.
    """

    def __init__(self, step: str, message: str, exit_code: int = 1):
        self.step = step
        self.message = message
        self.exit_code = exit_code
        super().__init__(step, message, exit_code)

    def __str__(self) -> str:
        return f"step '{self.step}' failed: {self.message}"


class FolderError(HliError):
    """The output folder is locked by another run, or holds something that is not ours."""

    exit_code = 5


class ItemError(HliError):
    """One run, bin or interval cannot be used because of its data; ``reason`` is the short text for info.ecsv."""

    def __init__(self, reason: str):
        self.reason = reason
        super().__init__(reason)


class Terminated(KeyboardInterrupt):
    """The process was asked to end (SIGTERM). Raised in the main thread so that locks and folders are cleaned up."""

    exit_code = 143


def sort_problems(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Problems by place: files in the order of their first problem, by line and column; then command line, Python."""
    listed = list(problems)
    order: dict[str | None, int] = {}
    for problem in listed:
        order.setdefault(problem.file, len(order))
    ranks = {COMMAND_LINE: 1, PYTHON: 2, None: 3}
    return tuple(
        sorted(listed, key=lambda p: (ranks.get(p.file, 0), order[p.file], p.line or 0, p.column or 0)),
    )


def _source_with_carets(text: str, column: int, length: int | None) -> list[str]:
    """The source line, four blanks before it, and carets under the token at the column; long lines are cut."""
    line = text.replace("\t", " ").rstrip()
    start = column - 1
    if length is None:
        length = len(_token_at(line, start))
    carets = max(1, min(length, max(1, len(line) - start)))
    first = 0 if start + carets <= _WINDOW else max(0, start - _WINDOW // 2)
    shown = line[first : first + _WINDOW]
    carets = max(1, min(carets, len(shown) - (start - first)))
    return [" " * 4 + shown, " " * (4 + start - first) + "^" * carets]


def _token_at(line: str, start: int) -> str:
    """The quoted text or the run of characters without blanks, commas and brackets that begins at a position."""
    rest = line[start:]
    if rest[:1] in ("'", '"'):
        end = rest.find(rest[0], 1)
        return rest[: end + 1] if end > 0 else rest
    for position, character in enumerate(rest):
        if character in " ,:[]{}#" and position:
            return rest[:position]
    return rest


def _indent(text: str) -> str:
    return "\n".join("  " + line for line in text.splitlines())


def _problem_row(problem: Problem) -> str:
    cell = '<td style="padding:2px 8px;vertical-align:top;text-align:left">'
    source = ""
    if problem.text is not None and problem.column is not None:
        lines = "\n".join(line[4:] for line in _source_with_carets(problem.text, problem.column, problem.length))
        source = f'<pre style="margin:0">{html.escape(lines)}</pre>'
    cells: list[Any] = [problem.place, problem.severity, problem.sentence]
    shown = [html.escape(str(value)) for value in cells]
    return f"<tr>{cell}<code>{shown[0]}</code></td>{cell}{shown[1]}</td>{cell}{shown[2]}{source}</td></tr>"
