"""``gammapy-hli init``: a few questions, a look at the data store, and a configuration that runs as it is.

Every question has an option that answers it; ``--yes`` takes what is proposed. Questions and findings go to stderr, the
name of the file that was written to stdout.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gammapy_hli.analysis import Analysis
from gammapy_hli.base.errors import HliError
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.cli import PROGRAM
from gammapy_hli.cli.arguments import Arguments, Parser, UsageError, common_parser, split
from gammapy_hli.cli.config_parts import check_target, showed_help, write_output
from gammapy_hli.run.outdir import is_ours

QUESTIONS = {
    "datastore": ("FOLDER", "Data store", "folder with hdu-index.fits.gz; also as plain word"),
    "target": ("NAME", "Target", 'an object of the store, or a position, "83.63 deg, 22.01 deg"'),
    "type": ("TYPE", "Type of analysis", "spectrum, light-curve, image (2D) or map (3D)"),
    "on-radius": ("ANGLE", "Radius of the on region", "for spectrum and light-curve"),
    "width": ("ANGLE", "Width of the maps", "for image and map"),
    "background": ("METHOD", "Background", "reflected, wobble, irf; for image ring, irf; for map fov, irf, ring"),
    "energy-min": ("ENERGY", "Lowest energy", "of the reconstructed energies"),
    "energy-max": ("ENERGY", "Highest energy", "of the reconstructed energies"),
    "safe-mask": ("METHOD", "Safe energies", "aeff-default or aeff-max"),
    "model": ("TYPE", "Spectral model", "pl, lp or ecpl (not for an image)"),
    "output": ("FILE", "File to write", "the configuration"),
}
"""Questions in their order: what stands for the answer, the question, more words."""
SAFE_MASKS = ("aeff-default", "aeff-max")


def main(argv: list[str]) -> int:
    """Ask, look, write."""
    parser = _parser()
    arguments = split(parser, argv, positional=1)
    if showed_help(parser, arguments):
        return 0
    if arguments.options:
        name = arguments.options[0][2]
        raise UsageError(
            f"unknown option '--{name}'.{did_you_mean(f'--{name}', arguments.known)} See {PROGRAM} init --help"
        )
    if arguments.words:
        if arguments.flags.datastore is not None:
            raise UsageError(f"two data stores: {arguments.words[0]} and {arguments.flags.datastore}")
        arguments.flags.datastore = arguments.words[0]
    asker = Asker(arguments.flags, is_terminal=sys.stdin.isatty())
    check_target(arguments.flags)
    asker.refuse_silence()
    if asker.is_terminal and not arguments.flags.yes:
        tell("An empty line takes what stands in brackets; ctrl-C leaves without writing anything.\n")
    return _write(asker, arguments)


def _parser() -> Parser:
    about = (
        "Make a first configuration: look at the data store, propose, ask on a terminal, and write a commented file. "
        "Each question can be answered by an option."
    )
    parser = common_parser(
        f"{PROGRAM} init", about, f"{PROGRAM} init [FOLDER] [--target NAME] [--type TYPE] [--yes] [-o FILE]"
    )
    group = parser.add_argument_group("answers")
    for name, (metavar, question, words) in QUESTIONS.items():
        names = ["-o", "--output"] if name == "output" else [f"--{name}"]
        group.add_argument(*names, metavar=metavar, help=f"{question.lower()}: {words}")
    group.add_argument("--outdir", metavar="FOLDER", help="folder of results (by the name of the file)")
    parser.add_argument("-y", "--yes", action="store_true", help="take what is proposed where no option answers")
    parser.add_argument("--overwrite", action="store_true", help="replace a file that is there")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


@dataclass
class Asker:
    """Gets answers: from options, from a terminal, or as proposed."""

    flags: Any
    is_terminal: bool

    def given(self, name: str) -> str | None:
        """What an option says."""
        found: str | None = getattr(self.flags, name.replace("-", "_"))
        return found

    def refuse_silence(self) -> None:
        """UsageError where there is nobody to ask: all that would be asked, at once."""
        if self.flags.yes or self.is_terminal:
            return
        is_map = self.given("type") in ("image", "map")
        needless = {"on-radius"} if is_map else {"width"}
        needless |= {"model"} if self.given("type") == "image" else set()
        missing = [f"--{name}" for name in QUESTIONS if self.given(name) is None and name not in needless]
        if missing:
            hint = "Give them, or take what is proposed with --yes."
            raise UsageError(f"there is no terminal to ask on, and no answer to {', '.join(missing)}.", hint)

    def settle(self, name: str, proposed: str | None, why: str, check: Callable[[str], Any]) -> Any:
        """An answer, checked; on a terminal asked for until it is right."""
        given = self.given(name)
        if given is not None:
            return self.checked(name, given, check)
        if self.flags.yes:
            if proposed is None:
                raise UsageError(f"--{name} is needed: {why}")
            tell(f"{QUESTIONS[name][1]}: {proposed} ({why})")
            return self.checked(name, proposed, check)
        while True:
            answer = self.ask(name, proposed, why)
            try:
                return check(answer)
            except (HliError, ValueError) as error:
                tell(f"  {_words(error)}")

    def checked(self, name: str, given: str, check: Callable[[str], Any]) -> Any:
        """The checked answer of an option."""
        try:
            return check(given)
        except (HliError, ValueError) as error:
            raise UsageError(f"--{name}: {_words(error)}") from None

    def ask(self, name: str, proposed: str | None, why: str) -> str:
        """One question on the terminal; an empty line takes the proposal."""
        shown = f"[{proposed}] " if proposed is not None else ""
        print(f"{QUESTIONS[name][1]}: {why}\n  {shown}> ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            raise UsageError("the questions were left before the last one; nothing is written")
        return line.strip() or proposed or ""


def _write(asker: Asker, arguments: Arguments) -> int:
    from gammapy_hli.assistant import first_config, proposal  # late: these load numpy and astropy
    from gammapy_hli.assistant.commented_yaml import commented_yaml
    from gammapy_hli.assistant.store_survey import find_target, list_objects, stores_below, survey
    from gammapy_hli.core.resolve import resolve
    from gammapy_hli.core.sources import PythonSource, TextSource
    from gammapy_hli.engine.dl3.store import DataStore

    here = stores_below(Path())
    folder = str(here[0]) if len(here) == 1 else None
    why = "the only one here" if folder else _listed("the folder of hdu-index.fits.gz", [str(path) for path in here])
    written, store = asker.settle("datastore", folder, why, lambda text: (text, DataStore.open(_expanded(text))))
    tell(f"  {len(store.obs_ids)} runs")
    objects = list_objects(store)
    placed = [target for target in objects if target.has_position]
    why = _listed("a position", [f"{target.name} ({target.n_runs})" for target in placed])
    found = asker.settle(
        "target",
        placed[0].name if placed else None,
        why,
        lambda text: survey(store, find_target(text, objects)),
    )
    tell(f"  {first_config.found_text(found)}")
    settled: dict[str, str] = {}
    reasons: dict[str, Any] = {}

    def settle(name: str, key: str, choice: Any, check: Callable[[str], str]) -> None:
        reasons[key] = choice
        settled[key] = asker.settle(name, choice.value, choice.why, check)

    def is_kind(text: str) -> str:
        proposal.check_kind(found, _one_of(text, proposal.KINDS))
        return text

    settle("type", "kind", proposal.propose_kind(found), is_kind)
    kind = settled["kind"]
    is_map = kind in ("image", "map")
    settled |= {"on_radius": proposal.propose_on_radius(found).value, "width": proposal.propose_width(found).value}
    settled["model"] = "pl"
    if is_map:
        settle("width", "width", proposal.propose_width(found), _quantity("deg"))
    elif not found.has_rad_max_table:
        settle("on-radius", "on_radius", proposal.propose_on_radius(found), _quantity("deg"))
    radius = _number(settled["on_radius"], "deg")
    methods = proposal.BACKGROUNDS[kind]
    settle(
        "background",
        "background",
        proposal.propose_background(found, kind, radius),
        lambda text: _one_of(text, methods),
    )
    lowest, highest = proposal.propose_energies(found)
    settle("energy-min", "energy_min", lowest, _quantity("TeV"))
    settle("energy-max", "energy_max", highest, _above(settled["energy_min"]))
    settle("safe-mask", "safe_mask", proposal.propose_safe_mask(found), lambda text: _one_of(text, SAFE_MASKS))
    if kind != "image":
        simple = proposal.Choice("pl", "a power law; lp is a log-parabola, ecpl a power law with cut-off")
        settle("model", "model", simple, lambda text: _one_of(text, proposal.MODELS))
    file = f"{first_config.source_name(found)}-{kind}.yaml"
    output = asker.settle("output", file, "the configuration", _new_file(arguments.flags.overwrite))
    outdir = asker.flags.outdir or _free_folder(Path(output).stem)
    answers = first_config.Answers(datastore=written, outdir=outdir, reasons=reasons, **settled)
    options = first_config.first_options(found, answers)
    analysis = resolve(Analysis, [PythonSource(options)], complete=True).build()
    notes = first_config.first_notes(found, answers, PROGRAM, output)
    text = commented_yaml(analysis, Path(output).parent, shown="given", notes=notes, helps="short")
    resolve(Analysis, [TextSource(text, output)], complete=True, strict=True).build()
    arguments.flags.output = output
    write_output(text, arguments.flags)
    print(f"{output} is written. Run it with: {PROGRAM} run -c {output}")
    return 0


def tell(text: str) -> None:
    """A line for the user, beside the result."""
    print(text, file=sys.stderr)


def _words(error: Exception) -> str:
    """The message of an error without the name of the program."""
    return str(error).removeprefix(f"{PROGRAM}: ")


def _listed(words: str, names: Sequence[str]) -> str:
    """What can be answered, and the names that are known."""
    if not names:
        return words
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return f"{words}, or one of {', '.join(names[:8])}{more}"


def _expanded(written: str) -> Path:
    from gammapy_hli.core.scalar_traits import expand_path  # late: only where a folder is named

    return Path(expand_path(written, None))


def _one_of(text: str, allowed: Sequence[str]) -> str:
    if text not in allowed:
        raise ValueError(f"'{text}' is not allowed.{did_you_mean(text, allowed)} Allowed: {', '.join(allowed)}")
    return text


def _number(text: str, unit: str) -> float:
    from gammapy_hli.core.quantity_traits import Quantity, number_in  # late: only where a number is asked for

    return number_in(Quantity(unit=unit, above=f"0 {unit}", help="A question.").check(text), unit)


def _quantity(unit: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        _number(text, unit)
        return text

    return check


def _above(low: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if _number(text, "TeV") <= _number(low, "TeV"):
            raise ValueError(f"{text} is not above the lowest energy, {low}")
        return text

    return check


def _free_folder(name: str) -> str:
    """A folder for results: of that name, unless it is there and holds something else."""
    is_free = not Path(name).exists() or is_ours(Path(name))
    return name if is_free else f"{name}-analysis"


def _new_file(may_replace: bool) -> Callable[[str], str]:
    def check(text: str) -> str:
        path = Path(text)
        if path.is_dir() or not path.parent.is_dir():
            raise ValueError(f"{text} is a folder" if path.is_dir() else f"there is no folder {path.parent}")
        if path.exists() and not may_replace:
            raise ValueError(f"{text} is there already; choose another name, or allow it with --overwrite")
        return text

    return check
