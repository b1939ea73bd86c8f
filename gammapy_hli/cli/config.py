"""``gammapy-hli config``: templates, examples, checks, effective values, schema, reference pages."""

import json
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

from gammapy_hli.analysis import Analysis
from gammapy_hli.base.atomic_write import write_text
from gammapy_hli.base.errors import ConfigError
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.cli import PROGRAM
from gammapy_hli.cli.arguments import Arguments, Parser, UsageError, common_parser, split
from gammapy_hli.cli.session import check_inputs, problem_line, resolve_session
from gammapy_hli.core.chain import steps_of

ACTIONS = ("template", "check", "show", "schema", "docs")
EXAMPLES = ("crab-1d", "crab-3d", "gc-3d", "magic-rad-max", "msh-ring", "pks2155-flare")


def main(argv: list[str]) -> int:
    """``gammapy-hli config [template|check|show|schema|docs]``."""
    if argv and not argv[0].startswith("-"):
        action, rest = argv[0], argv[1:]
        if action not in ACTIONS:
            hint = did_you_mean(action, ACTIONS)
            raise UsageError(f"config knows no '{action}'.{hint} It knows: {', '.join(ACTIONS)}")
    else:
        action, rest = "template", argv
    actions = {"template": template, "check": check, "show": show, "schema": schema, "docs": docs}
    return actions[action](rest)


def template(argv: list[str]) -> int:
    """A commented configuration with every option, or a ready one."""
    parser = _parser("template", "Write a commented configuration with every option, or a ready example.")
    parser.add_argument("--values", action="store_true", help="options active in place of commented out")
    parser.add_argument("--steps", metavar="STEP", nargs="+", default=None, help="only these steps")
    parser.add_argument("--level", choices=("basic", "all"), default="all", help="everyday options or all")
    parser.add_argument("--example", metavar="NAME", help=f"a ready configuration: {', '.join(EXAMPLES)}")
    arguments = split(parser, argv)
    _refuse_options(arguments)
    if _showed_help(parser, arguments):
        return 0
    flags = arguments.flags
    if flags.example is not None:
        return _write(_example(flags.example), flags)
    from gammapy_hli.core.template import template as make_template  # late: other commands need none

    steps = None if flags.steps is None else _known_steps(flags.steps)
    return _write(make_template(Analysis, values=flags.values, steps=steps, level=flags.level), flags)


def check(argv: list[str]) -> int:
    """Check configurations; all problems at once."""
    parser = _parser("check", "Check configuration files; every problem is listed.", has_files=True)
    parser.add_argument("--inputs", action="store_true", help="look at input files and run numbers too")
    parser.add_argument("--json", action="store_true", help="problems as JSON")
    arguments = split(parser, argv, positional=1000)
    if _showed_help(parser, arguments):
        return 0
    _take_files(arguments)
    resolved = resolve_session(arguments)
    try:
        analysis = resolved.build()
    except ConfigError as error:
        if arguments.flags.json:
            print(error.to_json())
            return error.exit_code
        raise
    if arguments.flags.inputs:
        check_inputs(analysis)
        for step in steps_of(analysis):
            analysis[step].check_inputs()
    if arguments.flags.json:
        print("[]" if not resolved.warnings else ConfigError(resolved.warnings).to_json())
    else:
        for problem in resolved.warnings:
            print(f"warning: {problem_line(problem)}", file=sys.stderr)
        print(f"{', '.join(arguments.flags.config)}: no problem; steps: {', '.join(steps_of(analysis))}")
    if arguments.flags.inputs:
        for step in steps_of(analysis):
            if step.partition("@")[0] == "selection":
                print(f"{step}: {len(analysis[step].finish())} runs")
    return 0


def show(argv: list[str]) -> int:
    """Effective values with their origin."""
    parser = _parser("show", "Show the values in force and who set them.", has_files=True)
    parser.add_argument("--changed", action="store_true", help="only what differs from the defaults")
    parser.add_argument("--history", metavar="PATH", help="all settings of one option, the one in force last")
    arguments = split(parser, argv, positional=1000)
    if _showed_help(parser, arguments):
        return 0
    _take_files(arguments)
    resolved = resolve_session(arguments, complete=False)
    analysis = resolved.build()
    if arguments.flags.history:
        return _show_history(resolved, arguments.flags.history)
    if arguments.flags.changed:
        from gammapy_hli.core.effective import value_text  # late: other commands need none

        for path in resolved.changed():
            print(f"{path}: {value_text(analysis, path)}  # {resolved.origin(path)}")
        return 0
    from gammapy_hli.core.effective import effective_yaml  # late: other commands need none

    print(effective_yaml(analysis), end="")
    return 0


def schema(argv: list[str]) -> int:
    """The JSON schema, for editors."""
    parser = _parser("schema", "Write the JSON schema (2020-12) of configurations, for editors.")
    arguments = split(parser, argv)
    _refuse_options(arguments)
    if _showed_help(parser, arguments):
        return 0
    from gammapy_hli.core.schema import json_schema  # late: other commands need none

    return _write(json.dumps(json_schema(Analysis), indent=2) + "\n", arguments.flags)


def docs(argv: list[str]) -> int:
    """The reference page of all options."""
    parser = _parser("docs", "Write the reference of all options in Markdown.")
    arguments = split(parser, argv)
    _refuse_options(arguments)
    if _showed_help(parser, arguments):
        return 0
    from gammapy_hli.core.docs import markdown_reference  # late: other commands need none

    return _write(markdown_reference(Analysis), arguments.flags)


def _parser(action: str, description: str, *, has_files: bool = False) -> Parser:
    usage = f"{PROGRAM} config {action} {'FILE... [--option value]' if has_files else '[-o FILE]'}"
    parser = common_parser(f"{PROGRAM} config {action}", description, usage)
    if has_files:
        parser.add_argument("-c", "--config", metavar="FILE", action="append", default=[], help="same as FILE")
        parser.add_argument("--strict", action="store_true", help="warnings are errors")
    else:
        parser.add_argument("-o", "--output", metavar="FILE", help="write to this file in place of stdout")
        parser.add_argument("--overwrite", action="store_true", help="replace a file that is there")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def _take_files(arguments: Arguments) -> None:
    """Files given as plain words are configurations."""
    arguments.flags.config = [*arguments.words, *arguments.flags.config]


def _refuse_options(arguments: Arguments) -> None:
    if arguments.options:
        raise UsageError(f"unknown option '--{arguments.options[0][2]}'")


def _showed_help(parser: Parser, arguments: Arguments) -> bool:
    if arguments.flags.help or arguments.flags.help_all:
        print(parser.format_help(), end="")
        return True
    return False


def _write(text: str, flags: Any) -> int:
    if flags.output is None:
        print(text, end="")
        return 0
    path = Path(flags.output)
    if path.exists() and not flags.overwrite:
        raise UsageError(f"{path} is there already.", "Choose another name, or allow it with --overwrite")
    write_text(path, text)
    return 0


def _example(name: str) -> str:
    if name not in EXAMPLES:
        raise UsageError(f"no example '{name}'.{did_you_mean(name, EXAMPLES)} There are: {', '.join(EXAMPLES)}")
    return files("gammapy_hli.cli").joinpath("examples", f"{name}.yaml").read_text(encoding="utf-8")


def _known_steps(steps: list[str]) -> list[str]:
    from gammapy_hli.core.chain import step_name, tool_slots  # late: only where steps are named

    known = tool_slots(Analysis)
    for step in steps:
        section = step_name(Analysis, step).partition("@")[0]
        if section not in known:
            raise UsageError(f"'{step}' is not a step.{did_you_mean(section, known)} Steps: {', '.join(known)}")
    return steps


def _show_history(resolved: Any, path: str) -> int:
    try:
        settings = resolved.history(path)
    except KeyError as error:
        raise UsageError(str(error.args[0])) from None
    from gammapy_hli.core.plain import plain_text  # late: only here

    for setting in settings:
        note = " (inherited)" if setting.inherited else " (another of its group was set)" if setting.cleared else ""
        print(f"{plain_text(setting.value)}  # {setting.origin}{note}")
    return 0
