"""Where a value comes from: the origin of one setting, and a setting as it stands in the history of an option."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gammapy_hli.base.errors import COMMAND_LINE, PYTHON, Problem

Kind = Literal["default", "file", "command line", "Python"]


@dataclass(frozen=True, slots=True)
class Origin:
    """The place that set a value.

    Attributes
    ----------
    kind : {"default", "file", "command line", "Python"}
    file : str, optional
        Name of the file as it was given.
    line, column : int, optional
        Place in the file, from 1.
    text : str
        The source line; on the command line the option as it was typed.
    length : int
        Characters of the value in the file.
    """

    kind: Kind
    file: str | None = None
    line: int | None = None
    column: int | None = None
    text: str = ""
    length: int | None = None

    def __str__(self) -> str:
        if self.kind == "file":
            parts = [self.file, self.line, self.column]
            return ":".join(str(part) for part in parts if part is not None)
        if self.kind == COMMAND_LINE and self.text:
            return f"{COMMAND_LINE} (--{self.text})"
        return self.kind

    @property
    def folder(self) -> Path | None:
        """Folder that relative paths stand against; None for the working directory."""
        if self.kind != "file" or self.file is None or self.file.startswith("<"):
            return None
        return Path(self.file).parent

    def problem(self, code: str, path: str, message: str, *, hint: str | None = None, warning: bool = False) -> Problem:
        """A `Problem` at this place; on the command line it shows the option as it was typed."""
        severity: Literal["error", "warning"] = "warning" if warning else "error"
        if self.kind == "file":
            return Problem(
                code, path, message, self.file, self.line, self.column, hint, self.text or None, severity, self.length
            )
        if self.kind == COMMAND_LINE:
            if self.text and path not in message and not path.endswith(self.text):
                message = f"{path}: {message}"
            return Problem(code, self.text or path, message, COMMAND_LINE, hint=hint, severity=severity)
        return Problem(code, path, message, PYTHON if self.kind == PYTHON else None, hint=hint, severity=severity)


DEFAULT_ORIGIN = Origin("default")
PYTHON_ORIGIN = Origin("Python")


@dataclass(frozen=True, slots=True)
class Setting:
    """One value that an option was given, in the chain of overrides.

    Attributes
    ----------
    value : object
        In the canonical plain form of the trait.
    origin : Origin
    inherited : bool
        True in a labelled section for what was set for the section without label.
    cleared : bool
        True where the value is None because another option of the same choice group was set.
    """

    value: Any
    origin: Origin
    inherited: bool = False
    cleared: bool = False
