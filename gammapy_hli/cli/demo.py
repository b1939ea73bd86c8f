"""``gammapy-hli demo``: simulate a store, analyze it, tell truth and result: the first five minutes.

What is simulated and how it is analyzed stands in `demo_recipes.py`.
"""

import logging
from pathlib import Path
from typing import Any

from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.cli import PROGRAM
from gammapy_hli.cli.arguments import UsageError, color, common_parser, split
from gammapy_hli.cli.chain import outcome
from gammapy_hli.cli.demo_recipes import RECIPES, Recipe
from gammapy_hli.cli.simulate import is_made, make_store, runs_of
from gammapy_hli.components.simulation import Simulation

STORE = "store"
CONFIG = "demo.yaml"


def main(argv: list[str]) -> int:
    """Make a store and a configuration in a folder, run it, print true and fitted values."""
    usage = f"{PROGRAM} demo [{' | '.join(RECIPES)}] [--outdir FOLDER] [--seed INT]"
    about = (
        "Simulate a small store, analyze it and show the result: the spectrum of one source, or with the word map "
        "a map of two."
    )
    parser = common_parser(f"{PROGRAM} demo", about, usage)
    parser.add_argument("--outdir", metavar="FOLDER", default=None, help="folder of everything it makes")
    parser.add_argument("--seed", metavar="INT", type=int, default=1, help="seed of the simulation (default 1)")
    parser.add_argument("--n-jobs", metavar="INT", type=int, default=1, help="number of processes (default 1)")
    parser.add_argument("-q", "--quiet", action="store_true", help="tell the result only")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    arguments = split(parser, argv, positional=1)
    flags = arguments.flags
    if flags.help or flags.help_all:
        print(parser.format_help(), end="")
        return 0
    if arguments.options:
        raise UsageError(f"demo has no option '--{arguments.options[0][2]}'", f"see {PROGRAM} demo --help")
    word = arguments.words[0] if arguments.words else "spectrum"
    if word not in RECIPES:
        raise UsageError(
            f"there is no demo '{word}'.{did_you_mean(word, list(RECIPES))}", f"Known: {', '.join(RECIPES)}"
        )
    recipe = RECIPES[word]
    return _run(recipe, Path(flags.outdir or recipe.outdir), flags.seed, flags.quiet, flags.n_jobs)


def _run(recipe: Recipe, folder: Path, seed: int, quiet: bool, n_jobs: int) -> int:
    from gammapy_hli.analysis import Analysis  # late: help needs none of these
    from gammapy_hli.base.atomic_write import write_text
    from gammapy_hli.run.logs import logs_on_stderr

    run_map = runs_of(n_jobs)
    logger = logging.getLogger("gammapy_hli.demo")
    simulation = Simulation(recipe.simulation, seed=seed)
    with logs_on_stderr("warning" if quiet else "info"):
        _simulate(folder / STORE, simulation, logger, run_map)
        config = folder / CONFIG
        write_text(config, recipe.config.format(config=config, outdir=folder / "analysis"))
        analysis = Analysis(config)
        analysis.general.n_jobs = n_jobs
        analysis.run(context=analysis.context(show_progress=not quiet))
    print(outcome(analysis))
    print()
    print(truth_table(analysis, simulation.plan().models))
    print()
    print(f"page to look at   {folder / 'analysis' / 'report' / 'index.html'}")
    print(f"configuration     {config}   (change it, then: {PROGRAM} run -c {config})")
    return analysis.result.exit_code if analysis.result else 0


def _simulate(folder: Path, simulation: Simulation, logger: Any, run_map: Any) -> None:
    """Make the store, unless the same one is there."""
    if is_made(folder, simulation):
        logger.info("the simulated store is there already: %s", folder)
        return
    logger.info("simulating %d runs of %s into %s", simulation.n_runs, simulation.livetime, folder)
    make_store(folder, simulation, run_map, overwrite=True)


def truth_table(analysis: Any, truth: Any) -> str:
    """True and fitted values, and how far they are apart in units of the error."""
    lines = [f"{'parameter':<26} {'true':>12} {'fitted':>12} {'error':>10} {'pull':>7}"]
    true_values = {name: parameter.value for name, parameter in truth.parameters.items()}
    for parameter in analysis.fit_result.parameters:
        if parameter.frozen or parameter.name not in true_values:
            continue
        true = true_values[parameter.name]
        pull = (parameter.value - true) / parameter.error if parameter.error > 0 else float("nan")
        mark = color(f"{pull:>+7.2f}", "32" if abs(pull) < 3 else "31")
        digits = 6 if ".spatial." in parameter.name else 4  # a position has more digits than its error
        values = f"{true:>12.{digits}g} {parameter.value:>12.{digits}g} {parameter.error:>10.2g}"
        lines.append(f"{parameter.name:<26} {values} {mark}")
    return "\n".join(lines)
