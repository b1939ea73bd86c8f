"""The commands that run steps: run, plan, status, one command a step, and those that run everything up to one."""

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from gammapy_hli.analysis import Analysis
from gammapy_hli.base.counted import counted
from gammapy_hli.base.measured import measured_text
from gammapy_hli.cli import COMMANDS, PROGRAM
from gammapy_hli.cli.arguments import (
    Arguments,
    Parser,
    UsageError,
    add_run_flags,
    color,
    common_parser,
    help_width,
    split,
)
from gammapy_hli.cli.session import check_inputs, check_log_file, resolve_session, warn
from gammapy_hli.core.chain import step_name
from gammapy_hli.core.help_text import help_text
from gammapy_hli.run.plan import SET_IN_PYTHON
from gammapy_hli.run.wish import order_problem

logger = logging.getLogger("gammapy_hli.cli")


def run(argv: list[str]) -> int:
    """``gammapy-hli run``: all steps that are not up to date."""
    parser = _parser("run", "Run all steps of a configuration that are not up to date.")
    _add_part_flags(parser)
    arguments = split(parser, argv)
    if _showed_help(parser, arguments):
        return 0
    flags = arguments.flags
    return _execute(arguments, start=flags.start, until=flags.until, only=flags.only)


def until(argv: list[str], section: str) -> int:
    """``gammapy-hli data-reduction`` and ``optimise``: everything up to a step, from a configuration or a session."""
    command = next(each.name for each in COMMANDS if each.address.endswith(":until") and each.argument == section)
    parser = _parser(command, f"Run everything up to the step {section}.")
    arguments = split(parser, argv)
    if _showed_help(parser, arguments):
        return 0
    return _execute(arguments, until=section)


def step(argv: list[str], section: str) -> int:
    """``gammapy-hli-<step>``: that step alone; what it needs comes from the outdir."""
    command = section.replace("_", "-")
    parser = _parser(command, f"Run the step {section} alone; its inputs come from the outdir.")
    parser.add_argument("--label", metavar="NAME", help=f"the instance {section}@NAME")
    arguments = split(parser, argv)
    if _showed_help(parser, arguments, section):
        return 0
    name = f"{section}@{arguments.flags.label}" if arguments.flags.label else section
    return _execute(arguments, only=[name], prefix=name)


def plan(argv: list[str]) -> int:
    """``gammapy-hli plan``: what run would do, and why."""
    parser = _parser("plan", "Show what run would do, and why. Nothing is written.")
    _add_part_flags(parser)
    arguments = split(parser, argv)
    if _showed_help(parser, arguments):
        return 0
    flags = arguments.flags
    is_whole = not (flags.start or flags.until or flags.only)
    resolved = resolve_session(arguments, complete=is_whole)
    analysis = resolved.build()
    part = _part(analysis, flags.start, flags.until, flags.only)
    return _show_plan(resolved, analysis, arguments, part)


def status(argv: list[str]) -> int:
    """``gammapy-hli status``: the state of every step."""
    parser = _parser("status", "Show the state of every step.")
    arguments = split(parser, argv)
    if _showed_help(parser, arguments):
        return 0
    for state in resolve_session(arguments, complete=False).build().status():
        print(state)
    return 0


def _parser(command: str, description: str) -> Parser:
    parser = common_parser(
        f"{PROGRAM} {command}", description, f"{PROGRAM} {command} [-c FILE] [flags] [--option value]"
    )
    add_run_flags(parser)
    return parser


def _add_part_flags(parser: Parser) -> None:
    parser.add_argument(
        "--from", dest="start", metavar="STEP", help="first step to run; what comes before is used as it is"
    )
    parser.add_argument("--until", metavar="STEP", help="last step to run")
    parser.add_argument("--only", metavar="STEP", nargs="+", default=None, help="run these steps, no others")


def _part(analysis: Analysis, start: str | None, until: str | None, only: list[str] | None) -> dict[str, Any]:
    """Which part of the chain is asked for, with the names of steps as they are written."""
    start, until = _known(analysis, start), _known(analysis, until)
    message = order_problem(analysis.chain.steps, start, until)
    if message is not None:
        raise UsageError(message)
    return {
        "start": start,
        "until": until,
        "only": None if only is None else [str(_known(analysis, name)) for name in only],
    }


def _showed_help(parser: Parser, arguments: Arguments, section: str = "") -> bool:
    """Show the help where it is asked for: flags, then the options made from the traits."""
    flags = arguments.flags
    if not (flags.help or flags.help_all):
        return False
    root: Any = Analysis.members()[section].component if section else Analysis
    print(parser.format_help())
    print(help_text(root, level="all" if flags.help_all else "basic", width=help_width()), end="")
    if not flags.help_all:
        print("\n--help-all shows all options.")
    return True


def _execute(
    arguments: Arguments,
    *,
    start: str | None = None,
    until: str | None = None,
    only: list[str] | None = None,
    prefix: str = "",
) -> int:
    flags = arguments.flags
    resolved = resolve_session(arguments, prefix, complete=False)
    analysis = resolved.build()
    part = _part(analysis, start, until, only)
    forced = _forced(analysis, arguments)
    wanted = analysis.wanted(**part)
    analysis.check_ready(wanted)
    check_inputs(analysis, wanted)
    if flags.log_file:
        check_log_file(flags.log_file, analysis, flags.config)
    if flags.dry_run:
        return _show_plan(resolved, analysis, arguments, part)
    with _told(analysis, flags):
        _warn(resolved, analysis, arguments, wanted)
        context = analysis.context(show_progress=not (flags.no_progress or flags.quiet))
        analysis.run(**part, force=forced, context=context, overwrite=flags.overwrite)
    result = analysis.result
    assert result is not None
    print(outcome(analysis))
    return result.exit_code


def _show_plan(resolved: Any, analysis: Analysis, arguments: Arguments, part: dict[str, Any]) -> int:
    """What would run, and what is set without effect; nothing is written, no log file either."""
    from gammapy_hli.run.logs import logs_on_stderr  # late: help needs no logging

    with logs_on_stderr("warning"):
        _warn(resolved, analysis, arguments, analysis.wanted(**part))
    print(analysis.plan(**part, force=_forced(analysis, arguments)))
    return 0


def _warn(resolved: Any, analysis: Analysis, arguments: Arguments, wanted: Sequence[str]) -> None:
    """Tell what in the configuration, or given here, has no effect."""
    warn(resolved, logger)
    for sentence in _without_effect(analysis, arguments, wanted):
        logger.warning(sentence)


@contextmanager
def _told(analysis: Analysis, flags: Any) -> Iterator[None]:
    """Logs on stderr, and in a file where one is asked for."""
    from gammapy_hli.run.logs import logs_in_file, logs_on_stderr  # late: help needs no logging

    level = "warning" if flags.quiet else "debug" if flags.verbose else analysis.general.log_level
    with ExitStack() as stack:
        stack.enter_context(logs_on_stderr(level))
        if flags.log_file:
            stack.enter_context(logs_in_file(flags.log_file))
        yield


def _known(analysis: Analysis, step: str | None) -> str | None:
    """The name of a step as it is written; UsageError with a suggestion where there is none."""
    if step is None:
        return None
    from gammapy_hli.base.suggest import did_you_mean  # late: only where a step is named
    from gammapy_hli.core.chain import steps_of

    steps = steps_of(analysis)
    name = step_name(Analysis, step)
    if name not in steps:
        raise UsageError(f"'{step}' is not one of the steps.{did_you_mean(name, steps)} Steps: {', '.join(steps)}")
    return name


def _forced(analysis: Analysis, arguments: Arguments) -> bool | tuple[str, ...]:
    force = arguments.flags.force
    if force is None:
        return ()
    return tuple(str(_known(analysis, step)) for step in force) or True


def _without_effect(analysis: Analysis, arguments: Arguments, wanted: Sequence[str]) -> list[str]:
    """Options given here for steps that come before those that run, and are taken as they are."""
    order = list(analysis.chain.steps)
    before = order[: max((order.index(name) for name in wanted), default=0)]
    found = []
    for path, _, typed in arguments.options:
        section = step_name(Analysis, path.partition(".")[0])
        those = [name for name in order if section in (name, name.partition("@")[0])]
        if those and all(name in before and name not in wanted for name in those):
            found.append(f"--{typed} changes nothing here: {section} is not asked for, its product is taken as it is")
    return found


def outcome(analysis: Analysis) -> str:
    """Headline numbers of what ran, for a person."""
    result = analysis.result
    assert result is not None
    lines = []
    for decision in result.plan.decisions:
        if decision.action == "use":
            lines += [f"{decision.step:<14} {color(SET_IN_PYTHON, '2')}"] if decision.reason == SET_IN_PYTHON else []
            continue
        state = color("done", "32") if decision.action == "run" else color("up to date", "2")
        of_map = getattr(analysis[decision.step], "type", "spectrum") in ("map", "image")
        numbers = _headline(decision.step, result.numbers.get(decision.step, {}), of_map)
        lines.append(f"{decision.step:<14} {state}{'  ' + numbers if numbers else ''}")
    flags = [f"{step}: {flag}" for step, sentences in result.flags.items() for flag in sentences]
    lines += [color(f"look at: {flag}", "33") for flag in flags]
    if analysis.general.store:
        page = analysis.general.outdir / "report" / "index.html"
        lines.append(f"results in {analysis.general.outdir}" + (f", page {page}" if page.exists() else ""))
    return "\n".join(lines)


def _headline(step: str, numbers: dict[str, Any], of_map: bool = False) -> str:
    """Numbers of a step in a line; ``of_map`` says that those of a reduction are sums over a whole map."""
    section = step.partition("@")[0]
    if section == "selection" and numbers:
        runs = numbers.get("n_runs")
        if runs is None:
            return counted(numbers["n_observations"], "run")
        return f"{counted(runs, 'run')} in {counted(numbers['n_observations'], 'part')}"
    if section == "reduction" and numbers:
        sqrt_ts = numbers["sqrt_ts"]
        significance = "" if sqrt_ts is None else f", {sqrt_ts:z.1f} sigma"
        return (
            f"{counted(numbers['n_datasets'], 'dataset')}, {numbers['livetime_s'] / 3600:.2f} h, "
            f"{'whole map: ' if of_map else ''}excess {numbers['excess']:z.1f}{significance}"
        )
    if section == "fit" and numbers:
        found = numbers["parameters"]
        several = len({name.partition(".")[0] for name in found if name.count(".") > 1}) > 1
        return ", ".join(
            f"{_short_name(name, several)} {measured_text(value['value'], value['error'], value['unit'])}"
            for name, value in found.items()
        )
    if section == "flux_points" and numbers:
        return ", ".join(
            f"{source}: {counted(_count(columns['dnde']), 'point')}" for source, columns in numbers.items()
        )
    if section == "maps":
        peaks = {"significance": "peak {:.1f} sigma", "sqrt_ts": "peak of ts {:.1f} sigma"}
        found = ((text, numbers.get(name, {}).get("max")) for name, text in peaks.items())
        return ", ".join(text.format(peak) for text, peak in found if peak is not None)
    if section == "light_curve" and numbers:
        return ", ".join(
            f"{source}: {counted(columns['n_intervals'], 'interval')}" for source, columns in numbers.items()
        )
    return ""


def _short_name(parameter: str, several: bool) -> str:
    """``index`` for ``crab.spectral.index``, ``crab index`` beside other models; a nuisance keeps its instrument."""
    model, _, rest = parameter.partition(".")
    if "." not in rest:
        return parameter
    own = rest.rpartition(".")[2]
    return f"{model} {own}" if several else own


def _count(values: list[float | None]) -> int:
    return sum(value is not None for value in values)


def tell(text: str) -> None:
    """A line for people, beside the results: on stderr."""
    print(text, file=sys.stderr)
