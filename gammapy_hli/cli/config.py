"""``gammapy-hli config``: templates, examples, checks, effective values, schema, reference pages.

What turns a configuration into something else stands in `convert.py`.
"""

import json
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.resources import files
from typing import Any

from gammapy_hli.analysis import Analysis
from gammapy_hli.base.errors import ConfigError
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.cli.arguments import Arguments, UsageError, split
from gammapy_hli.cli.config_parts import (
    FILES,
    config_parser,
    configuration_names,
    refuse_options,
    showed_help,
    take_files,
    target_folder,
    write_output,
)
from gammapy_hli.cli.session import check_inputs, problem_line, resolve_session
from gammapy_hli.core.chain import steps_of

ACTIONS = {
    "template": "gammapy_hli.cli.config:template",
    "check": "gammapy_hli.cli.config:check",
    "show": "gammapy_hli.cli.config:show",
    "to-script": "gammapy_hli.cli.convert:to_script",
    "to-notebook": "gammapy_hli.cli.convert:to_notebook",
    "from-gammapy": "gammapy_hli.cli.convert:from_gammapy",
    "schema": "gammapy_hli.cli.config:schema",
    "docs": "gammapy_hli.cli.config:docs",
}
"""Actions and the functions behind them; modules are loaded when their action is given."""
EXAMPLES = ("crab-1d", "crab-3d", "gc-3d", "joint-crab", "magic-rad-max", "msh-ring", "pks2155-flare")


def main(argv: list[str]) -> int:
    """``gammapy-hli config [ACTION]``; without action the template."""
    if argv and not argv[0].startswith("-"):
        action, rest = argv[0], argv[1:]
        if action not in ACTIONS:
            hint = did_you_mean(action, ACTIONS)
            raise UsageError(f"config knows no '{action}'.{hint} It knows: {', '.join(ACTIONS)}")
    else:
        action, rest = "template", argv
    module, _, name = ACTIONS[action].partition(":")
    function: Callable[[list[str]], int] = getattr(import_module(module), name)
    return function(rest)


def template(argv: list[str]) -> int:
    """A commented configuration with every option, or a ready one."""
    about = (
        "Write a commented configuration with every option; what FILE, the session in FOLDER or --option set is "
        f"active. Or write a ready example. Other actions: {', '.join(f'config {name}' for name in ACTIONS)}."
    )
    parser = config_parser("template", about, reads=True, writes=True)
    parser.add_argument("--values", action="store_true", help="options active in place of commented out")
    parser.add_argument("--steps", metavar="STEP", nargs="+", default=None, help="only these steps")
    parser.add_argument("--level", choices=("basic", "all"), default="all", help="everyday options or all")
    parser.add_argument("--example", metavar="NAME", help=f"a ready configuration: {', '.join(EXAMPLES)}")
    arguments = split(parser, argv)
    if showed_help(parser, arguments):
        return 0
    flags = arguments.flags
    if arguments.options or flags.config or flags.outdir:
        return _filled_template(arguments)
    if flags.example is not None:
        return write_output(_example(flags.example), flags)
    from gammapy_hli.core.template import template as make_template  # late: other commands need none

    steps = None if flags.steps is None else _known_steps(flags.steps)
    return write_output(make_template(Analysis, values=flags.values, steps=steps, level=flags.level), flags)


def _filled_template(arguments: Arguments) -> int:
    """The template with what is set: by files, by a session, on the command line."""
    from gammapy_hli.assistant.commented_yaml import commented_yaml  # late: other commands need none

    flags = arguments.flags
    for name, is_given in (("--values", flags.values), ("--steps", flags.steps), ("--example", flags.example)):
        if is_given:
            raise UsageError(
                f"{name} goes with the empty template only", "leave it out, or leave out -c, --outdir and --option"
            )
    analysis = resolve_session(arguments, complete=False).build()
    return write_output(commented_yaml(analysis, target_folder(flags), shown=flags.level), flags)


def check(argv: list[str]) -> int:
    """Check configurations; all problems at once."""
    parser = config_parser("check", "Check configuration files; every problem is listed.", reads=True, words=FILES)
    parser.add_argument("--inputs", action="store_true", help="look at input files and run numbers too")
    parser.add_argument("--json", action="store_true", help="problems as JSON")
    arguments = split(parser, argv, positional=1000)
    if showed_help(parser, arguments):
        return 0
    take_files(arguments)
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
        names = ", ".join(configuration_names(arguments, analysis)) or "command line"
        print(f"{names}: no problem; steps: {', '.join(steps_of(analysis))}")
    if arguments.flags.inputs:
        for step in steps_of(analysis):
            if step.partition("@")[0] == "selection":
                print(f"{step}: {len(analysis[step].finish())} runs")
    return 0


def show(argv: list[str]) -> int:
    """Effective values with their origin."""
    parser = config_parser("show", "Show the values in force and who set them.", reads=True, words=FILES)
    parser.add_argument("--changed", action="store_true", help="only what differs from the defaults")
    parser.add_argument("--history", metavar="PATH", help="all settings of one option, the one in force last")
    arguments = split(parser, argv, positional=1000)
    if showed_help(parser, arguments):
        return 0
    take_files(arguments)
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
    parser = config_parser("schema", "Write the JSON schema (2020-12) of configurations, for editors.", writes=True)
    arguments = split(parser, argv)
    refuse_options(arguments)
    if showed_help(parser, arguments):
        return 0
    from gammapy_hli.core.schema import json_schema  # late: other commands need none

    return write_output(json.dumps(json_schema(Analysis), indent=2) + "\n", arguments.flags)


def docs(argv: list[str]) -> int:
    """The reference page of all options."""
    parser = config_parser("docs", "Write the reference of all options in Markdown.", writes=True)
    arguments = split(parser, argv)
    refuse_options(arguments)
    if showed_help(parser, arguments):
        return 0
    from gammapy_hli.core.docs import markdown_reference  # late: other commands need none

    return write_output(markdown_reference(Analysis), arguments.flags)


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
