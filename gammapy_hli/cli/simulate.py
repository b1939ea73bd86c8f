"""``gammapy-hli simulate FOLDER``: a small simulated DL3 store."""

from pathlib import Path
from typing import Any

from gammapy_hli.cli import PROGRAM
from gammapy_hli.cli.arguments import UsageError, common_parser, help_width, split
from gammapy_hli.components.simulation import Simulation
from gammapy_hli.core.effective import effective_yaml
from gammapy_hli.core.help_text import help_text
from gammapy_hli.core.resolve import resolve
from gammapy_hli.core.sources import CommandLine, FileSource, Source

RECIPE = "simulation.yaml"


def main(argv: list[str]) -> int:
    """Simulate a store from options, or from a file of these options."""
    usage = f"{PROGRAM} simulate FOLDER [-c FILE] [--option value]"
    parser = common_parser(f"{PROGRAM} simulate", "Make a small DL3 store by drawing events.", usage)
    parser.add_argument("-c", "--config", metavar="FILE", action="append", default=[], help="YAML file of the options")
    parser.add_argument("--n-jobs", metavar="INT", type=int, default=1, help="number of processes (default 1)")
    parser.add_argument("--overwrite", action="store_true", help="replace a store that is there")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    arguments = split(parser, argv, positional=1)
    flags = arguments.flags
    if flags.help or flags.help_all:
        print(parser.format_help())
        print(help_text(Simulation, level="all" if flags.help_all else "basic", width=help_width()), end="")
        return 0
    if not arguments.words:
        raise UsageError("no folder for the store.", f"Write e.g. {PROGRAM} simulate my-store --n_runs 4")
    sources: list[Source] = [*(FileSource(path) for path in flags.config), CommandLine(arguments.options)]
    simulation = resolve(Simulation, sources, complete=True).build()
    print(make_store(Path(arguments.words[0]), simulation, runs_of(flags.n_jobs), overwrite=flags.overwrite))
    return 0


def make_store(folder: Path, simulation: Simulation, run_map: Any, *, overwrite: bool) -> Any:
    """Make a store, and beside it ``simulation.yaml``: the options, seed included, that make the same store again."""
    from gammapy_hli.engine.simulate.store import simulate_store  # late: loads numpy and astropy

    if overwrite:
        (folder / RECIPE).unlink(missing_ok=True)  # an interrupted store must not look like a whole one
    notes = {RECIPE: recipe_text(simulation)}
    return simulate_store(folder, simulation.plan(), overwrite=overwrite, run_map=run_map, notes=notes)


def is_made(folder: Path, simulation: Simulation) -> bool:
    """Whether the whole store of these options is there."""
    from gammapy_hli.engine.simulate.store import is_store  # late: loads numpy and astropy

    recipe = folder / RECIPE
    return is_store(folder) and recipe.exists() and recipe.read_text(encoding="utf-8") == recipe_text(simulation)


def recipe_text(simulation: Simulation) -> str:
    """The options of a simulation in force, as ``simulation.yaml`` holds them."""
    return effective_yaml(simulation, comments=False)


def runs_of(n_jobs: int) -> Any:
    """What has single runs made by so many processes, for `simulate_store`; the files do not depend on the number."""
    if n_jobs < 1:
        raise UsageError(f"--n-jobs is {n_jobs}; expected 1 or more")
    from gammapy_hli.run.map_ordered import map_ordered  # late: help needs no processes

    def run_map(make: Any, numbers: Any) -> Any:
        return (outcome.value for outcome in map_ordered(make, numbers, n_jobs=n_jobs, on_error="stop"))

    return run_map
