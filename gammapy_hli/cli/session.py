"""From a command line to an `Analysis`: files, options, and where a session without ``-c`` is found."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gammapy_hli.analysis import Analysis
from gammapy_hli.base.errors import COMMAND_LINE, ConfigError, InputError, Problem
from gammapy_hli.base.near_path import near_path
from gammapy_hli.base.suggest import suggest
from gammapy_hli.cli.arguments import Arguments, OptionWords, UsageError
from gammapy_hli.core.chain import step_name, steps_of
from gammapy_hli.core.inputs import named_paths
from gammapy_hli.core.resolve import Resolved, resolve
from gammapy_hli.core.saved import saved_sources
from gammapy_hli.core.scalar_traits import Bool
from gammapy_hli.core.sources import CommandLine, FileSource, Source
from gammapy_hli.core.walk import walk

CONFIG_FILE = "config.yaml"
_SHORT_CUTS = {"outdir": "general.outdir", "n_jobs": "general.n_jobs", "log_level": "general.log_level"}


def resolve_session(arguments: Arguments, prefix: str = "", *, complete: bool = True) -> Resolved[Analysis]:
    """All sources of a command, resolved.

    Parameters
    ----------
    arguments : Arguments
    prefix : str
        Step that options are relative to, with its label; '' for whole paths.
    complete : bool
        Whether what the steps require must be there.
    """
    flags = arguments.flags
    options = with_switches([_placed(option, prefix) for option in arguments.options])
    options += [
        (path, (value,), name.replace("_", "-"))
        for name, path in _SHORT_CUTS.items()
        if (value := getattr(flags, name, None)) is not None
    ]
    sources = _sources(flags.config, options)
    resolved = resolve(Analysis, [*sources, CommandLine(options)], strict=flags.strict, complete=complete)
    steps = steps_of(resolved.root)
    if prefix and prefix not in steps:
        options.append(("steps", (*steps, prefix), "label"))
        resolved = resolve(Analysis, [*sources, CommandLine(options)], strict=flags.strict, complete=complete)
    if not flags.config:  # the session of a folder goes on: with what is set in it for later
        kept = [
            tuple(each for each in found if not _is_for_later(each)) for found in (resolved.problems, resolved.warnings)
        ]
        resolved = replace(resolved, problems=kept[0], warnings=kept[1])
    if not flags.config and all(problem.code == "missing" for problem in resolved.problems):  # and was set in Python
        resolved.root.take_given(but={step_name(Analysis, path.partition(".")[0]) for path, _, _ in options})
    problems = (problem for problem in resolved.problems if not resolved.root.has_given(problem))
    return replace(resolved, problems=tuple(_with_flags(problem, arguments.known) for problem in problems))


def _is_for_later(problem: Problem) -> bool:
    """Whether a problem is that a section of a saved session has a step that does not run: that was told before."""
    return problem.code == "not-run" and problem.file != COMMAND_LINE


def _with_flags(problem: Problem, flags: Sequence[str]) -> Problem:
    """A problem with a flag as suggestion, where an unknown name on the command line looks more like one."""
    if problem.code != "unknown-key" or problem.file != COMMAND_LINE or "Did you mean" in (problem.hint or ""):
        return problem
    found = suggest(f"--{problem.path}", flags)
    return problem if found is None else replace(problem, hint=f"Did you mean '{found}'?")


def with_switches(options: Sequence[OptionWords]) -> list[OptionWords]:
    """``--x`` and ``--no-x`` of an option that is true or false as words."""
    switches = {item.path for item in walk(Analysis) if isinstance(item.member, Bool)}
    done = []
    for path, words, typed in options:
        plain = ".".join(name.partition("@")[0] for name in path.split("."))
        section, _, last = plain.rpartition(".")
        positive = f"{section}.{last.removeprefix('no-')}" if section else last.removeprefix("no-")
        if not words and plain.replace("-", "_") in switches:
            words = ("true",)
        elif not words and last.startswith("no-") and positive.replace("-", "_") in switches:
            path, words = ".".join([*path.split(".")[:-1], path.split(".")[-1].removeprefix("no-")]), ("false",)
        done.append((path, words, typed))
    return done


def _placed(option: OptionWords, prefix: str) -> OptionWords:
    """An option with its whole path; ``general`` is reached from every step."""
    path, words, typed = option
    if path.startswith("no-") and "." in path:  # --no-fit.stack is --fit.no-stack
        head, _, tail = path.removeprefix("no-").rpartition(".")
        path = f"{head}.no-{tail}"
    if not prefix or path.partition(".")[0] == "general":
        return path, words, typed
    return f"{prefix}.{path}", words, typed


def _sources(given: Sequence[str], options: Sequence[OptionWords]) -> list[Source]:
    """The configuration files: those given, or that of the session in the outdir, with its defaults as such."""
    missing = [
        Problem("file-missing", "", "there is no such file", file=path, hint=near_path(path))
        for path in given
        if not Path(path).exists()
    ]
    if missing:
        raise ConfigError(missing)
    if given:
        return [FileSource(path) for path in given]
    outdirs = [words[-1] for path, words, _ in options if path == "general.outdir" and words]
    saved = Path(outdirs[-1] if outdirs else Analysis().general.stored("outdir")) / CONFIG_FILE
    if saved.is_file():
        return saved_sources(Analysis, saved)
    if any(path.partition(".")[0] != "general" for path, _, _ in options):
        return []
    raise UsageError(
        f"no configuration: give -c FILE ({saved} is not there either).",
        "Make one with: gammapy-hli init, or gammapy-hli config --example crab-1d -o crab-1d.yaml",
    )


def check_inputs(analysis: Analysis, steps: Sequence[str] | None = None) -> None:
    """Errors for input files and folders that are not there, all at once: before any work."""
    problems = analysis.missing_inputs(steps)
    if not problems:
        return
    if any(problem.code == "variable" for problem in problems):
        raise ConfigError(problems)
    raise InputError("\n  ".join(["inputs are missing:", *(problem_line(problem) for problem in problems)]))


def check_log_file(name: str, analysis: Analysis, configs: Sequence[str]) -> None:
    """UsageError where the log cannot be written there, or would be written into an input."""
    path = Path(name)
    if path.is_dir() or not path.parent.is_dir():
        what = "is a folder" if path.is_dir() else f"there is no folder {path.parent}"
        raise UsageError(f"--log-file {name}: {what}; expected the name of a file in a folder that is there")
    inputs = {named.real: named.path for named in named_paths(analysis) if named.trait.role == "input"}
    inputs |= {os.path.realpath(config): f"the configuration {config}" for config in configs}
    real = os.path.realpath(path)
    if real in inputs:
        raise UsageError(f"--log-file {name}: is also the input {inputs[real]}; nothing is written to an input")


def problem_line(problem: Problem) -> str:
    """Place, path, message and hint on one line, without the source line."""
    return f"{problem.place}: {problem.sentence}" if problem.place else problem.sentence


def warn(resolved: Resolved[Any], logger: Any) -> None:
    """Tell the warnings of a configuration."""
    for problem in resolved.warnings:
        logger.warning("%s", problem_line(problem))
