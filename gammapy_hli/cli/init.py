"""``gammapy-hli init``: a few questions, a look at the data store, and a configuration that runs as it is.

Every question has a flag that answers it; ``--yes`` takes what is proposed. Questions and findings go to stderr, the
name of the file that was written to stdout.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gammapy_hli.analysis import Analysis
from gammapy_hli.assistant.data_folders import stores_below
from gammapy_hli.base.counted import counted
from gammapy_hli.base.errors import InputError
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.cli import INTERRUPTED, PROGRAM
from gammapy_hli.cli.arguments import Arguments, Parser, UsageError, common_parser, split
from gammapy_hli.cli.config_parts import check_target, showed_help, write_output
from gammapy_hli.cli.questions import QUESTIONS, Asker, Check, new_file, number_of, one_of, quantity_above, tell
from gammapy_hli.cli.session import with_switches
from gammapy_hli.run.outdir import is_ours

SAFE_MASKS = ("aeff-default", "aeff-max")


def main(argv: list[str]) -> int:
    """Ask, look, write."""
    parser = _parser()
    arguments = split(parser, argv, positional=1)
    flags = arguments.flags
    if showed_help(parser, arguments):
        return 0
    strays = [typed for path, _, typed in arguments.options if "." not in path]
    if strays:
        hint = did_you_mean(f"--{strays[0]}", arguments.known)
        raise UsageError(f"unknown option '--{strays[0]}'.{hint} See {PROGRAM} init --help")
    if arguments.words:
        if flags.datastore is not None:
            raise UsageError(f"two data stores: {arguments.words[0]} and {flags.datastore}")
        flags.datastore = arguments.words[0]
    asker = Asker(flags, is_terminal=sys.stdin.isatty())
    check_target(flags)
    asker.refuse_silence()
    if asker.is_terminal and not flags.yes:
        tell("An empty line takes what stands in brackets; ctrl-C leaves without writing anything.\n")
    try:
        datastore, found = _look(asker)
        return _write(asker, arguments, datastore, found)
    except KeyboardInterrupt:
        tell("\nleft; nothing is written")
        return INTERRUPTED


def _parser() -> Parser:
    about = (
        "Make a first configuration: look at the data store, propose, ask on a terminal, and write a commented file. "
        "Each question can be answered by a flag; any option of the configuration, "
        "--reduction.energy.per_decade 5, goes into the file too."
    )
    usage = f"{PROGRAM} init [FOLDER] [--target NAME] [--type TYPE] [--yes] [-o FILE] [--option value]"
    parser = common_parser(f"{PROGRAM} init", about, usage)
    group = parser.add_argument_group("answers")
    for name, (metavar, question, words) in QUESTIONS.items():
        names = ["-o", "--output"] if name == "output" else [f"--{name}"]
        group.add_argument(*names, metavar=metavar, help=f"{question.lower()}: {words}")
    group.add_argument("--outdir", metavar="FOLDER", help="folder of results (by the name of the file)")
    parser.add_argument("-y", "--yes", action="store_true", help="take what is proposed where no flag answers")
    parser.add_argument("--overwrite", action="store_true", help="replace a file that is there")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def _look(asker: Asker) -> tuple[str, Any]:
    """The data store as it was named, and what it holds at the target."""
    from gammapy_hli.assistant.first_config import found_text  # late: these load numpy and astropy
    from gammapy_hli.assistant.store_survey import busiest_field, find_target, list_objects, survey
    from gammapy_hli.core.scalar_traits import expand_path
    from gammapy_hli.engine.dl3.store import DataStore

    here = stores_below(Path(), 2)
    folder = str(here[0]) if len(here) == 1 else None
    why = "the only one here" if folder else _listed("the folder of hdu-index.fits.gz", [str(path) for path in here])

    def opened(text: str) -> tuple[str, DataStore]:
        path = Path(expand_path(text, None))
        below = stores_below(path, 3)
        if below and path not in below:
            raise InputError(f"{path} is no data store, but there are some in it: {', '.join(map(str, below[:8]))}")
        return text, DataStore.open(path)

    written, store = asker.settle("datastore", folder, why, opened)
    tell(f"  {len(store.obs_ids)} runs")
    objects = list_objects(store)
    placed = [target for target in objects if target.has_position]
    why = _listed("a position", [f"{target.name} ({target.n_runs})" for target in placed])
    first = placed[0].name if placed else None
    if not placed:
        why += _where_runs_point(objects, busiest_field(store))
    found = asker.settle("target", first, why, lambda text: survey(store, find_target(text, objects)))
    tell(f"  {found_text(found)}")
    return written, found


def _decide(asker: Asker, found: Any) -> tuple[dict[str, str], dict[str, Any]]:
    """The answers to all questions on the analysis by name, and the proposals."""
    from gammapy_hli.assistant import proposal  # late: loads numpy

    reasons = {
        "kind": proposal.propose_kind(found),
        "on_radius": proposal.propose_on_radius(found),
        "width": proposal.propose_width(found),
        "safe_mask": proposal.propose_safe_mask(found),
        "model": proposal.Choice("pl", "a power law; lp is a log-parabola, ecpl a power law with cut-off"),
    }
    reasons["energy_min"], reasons["energy_max"] = proposal.propose_energies(found)
    settled = {name: choice.value for name, choice in reasons.items()}

    def settle(key: str, check: Check) -> None:
        name = "type" if key == "kind" else key.replace("_", "-")
        settled[key] = asker.settle(name, reasons[key].value, reasons[key].why, check)

    settle("kind", lambda text: proposal.check_kind(found, one_of(proposal.KINDS)(text)))
    kind = settled["kind"]
    if kind in ("image", "map"):
        settle("width", quantity_above("deg"))
    elif not found.has_rad_max_table:
        settle("on_radius", quantity_above("deg"))
    reasons["background"] = proposal.propose_background(found, kind, number_of(settled["on_radius"], "deg"))
    settle("background", one_of(proposal.BACKGROUNDS[kind]))
    settle("energy_min", quantity_above("TeV"))
    settle("energy_max", quantity_above("TeV", settled["energy_min"]))
    settle("safe_mask", one_of(SAFE_MASKS))
    if kind != "image":
        settle("model", one_of(proposal.MODELS))
    return settled, reasons


def _write(asker: Asker, arguments: Arguments, datastore: str, found: Any) -> int:
    """Ask what is left, and write the file; it is read back before."""
    from gammapy_hli.assistant import first_config  # late: loads numpy and astropy
    from gammapy_hli.assistant.commented_yaml import commented_yaml
    from gammapy_hli.core.resolve import resolve
    from gammapy_hli.core.sources import CommandLine, PythonSource, TextSource

    flags = arguments.flags
    settled, reasons = _decide(asker, found)
    file = f"{first_config.source_name(found)}-{settled['kind']}.yaml"
    flags.output = asker.settle("output", file, "the configuration", new_file(flags.overwrite))
    outdir = flags.outdir or _free_folder(Path(flags.output).stem)
    answers = first_config.Answers(datastore=datastore, outdir=outdir, reasons=reasons, **settled)
    options = PythonSource(first_config.first_options(found, answers))
    analysis = resolve(Analysis, [options, CommandLine(with_switches(arguments.options))], complete=True).build()
    notes = first_config.first_notes(found, answers, PROGRAM, flags.output)
    text = commented_yaml(analysis, Path(flags.output).parent, shown="given", notes=notes, helps="short")
    resolve(Analysis, [TextSource(text, flags.output)], complete=True, strict=True).build()
    write_output(text, flags)
    print(f"{flags.output} is written. Run it with: {PROGRAM} run -c {flags.output}")
    return 0


def _where_runs_point(objects: Sequence[Any], field: Any) -> str:
    """What a store tells although it has the position of no target."""
    named = ", ".join(f"{target.name} ({counted(target.n_runs, 'run')})" for target in objects[:8])
    told = f"; the files tell none for {named}" if named else ""
    if field is None:
        return told
    runs = f"{field.n_runs} of {counted(field.n_looked_at, 'run')} {'point' if field.n_runs > 1 else 'points'}"
    place = f'"{field.ra:.2f} deg, {field.dec:.2f} deg"'
    return f"{told}; {runs} around {place}: write --target {place}, or where your source is"


def _listed(words: str, names: Sequence[str]) -> str:
    """What can be answered, and the names that are known."""
    if not names:
        return words
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return f"{words}, or one of {', '.join(names[:8])}{more}"


def _free_folder(name: str) -> str:
    """A folder for results: of that name, unless it is there and holds something else."""
    is_free = not Path(name).exists() or is_ours(Path(name))
    return name if is_free else f"{name}-analysis"
