"""``gammapy-hli demo``: simulate a store, analyze it, tell truth and result: the first five minutes."""

import logging
from pathlib import Path
from typing import Any

from gammapy_hli.cli import PROGRAM
from gammapy_hli.cli.arguments import color, common_parser, split
from gammapy_hli.cli.chain import outcome
from gammapy_hli.components.simulation import Simulation

STORE = "store"
CONFIG = "demo.yaml"
CONFIG_TEXT = """\
# The analysis of the simulated store beside this file. Change an option and run it again:
#   gammapy-hli run -c {config}
config_version: 1
general: {{outdir: {outdir}}}
steps: [selection, reduction, model, fit, fit@stacked, flux_points, report]
selection:
  datastore: store
reduction:
  type: spectrum
  on_region: {{circle: {{center: "83.633 deg, 22.0145 deg", radius: 0.11 deg}}}}
  energy: {{min: 0.1 TeV, max: 40 TeV, per_decade: 10}}
  energy_true: {{min: 0.05 TeV, max: 100 TeV, per_decade: 20}}
  background: {{method: reflected}}
  safe_mask: {{methods: [aeff-max], aeff_percent: 10}}
model:
  sources:
    crab:
      spectral: {{type: lp, amplitude: 1e-11 cm-2 s-1 TeV-1, alpha: 2, beta: 0.1, reference: 1 TeV}}
fit@stacked: {{stack: true}}
flux_points: {{source: crab, inputs: {{fit: fit}}, energy: {{min: 0.1 TeV, max: 40 TeV, per_decade: 5}}}}
"""


def main(argv: list[str]) -> int:
    """Make a store and a configuration in a folder, run it, print true and fitted values."""
    usage = f"{PROGRAM} demo [--outdir FOLDER] [--seed INT]"
    parser = common_parser(f"{PROGRAM} demo", "Simulate a small store, analyze it and show the result.", usage)
    parser.add_argument("--outdir", metavar="FOLDER", default="gammapy-hli-demo", help="folder of everything it makes")
    parser.add_argument("--seed", metavar="INT", type=int, default=1, help="seed of the simulation (default 1)")
    parser.add_argument("-q", "--quiet", action="store_true", help="tell the result only")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    arguments = split(parser, argv)
    flags = arguments.flags
    if flags.help or flags.help_all:
        print(parser.format_help(), end="")
        return 0
    if arguments.options:
        from gammapy_hli.cli.arguments import UsageError  # late: only for this mistake

        raise UsageError(f"demo has no option '--{arguments.options[0][2]}'", f"see {PROGRAM} demo --help")
    return _run(Path(flags.outdir), flags.seed, flags.quiet)


def _run(folder: Path, seed: int, quiet: bool) -> int:
    from gammapy_hli.analysis import Analysis  # late: help needs none of these
    from gammapy_hli.base.atomic_write import write_text
    from gammapy_hli.run.logs import logs_on_stderr

    logger = logging.getLogger("gammapy_hli.demo")
    simulation = Simulation(seed=seed)
    with logs_on_stderr("warning" if quiet else "info"):
        _simulate(folder / STORE, simulation, logger)
        config = folder / CONFIG
        write_text(config, CONFIG_TEXT.format(config=config, outdir=folder / "analysis"))
        analysis = Analysis(config)
        analysis.run(context=analysis.context(show_progress=not quiet))
    print(outcome(analysis))
    print()
    print(truth_table(analysis, simulation.plan().models))
    print()
    print(f"page to look at   {folder / 'analysis' / 'report' / 'index.html'}")
    print(f"configuration     {config}   (change it, then: {PROGRAM} run -c {config})")
    return analysis.result.exit_code if analysis.result else 0


def _simulate(folder: Path, simulation: Simulation, logger: Any) -> None:
    """Make the store, unless the same one is there."""
    from gammapy_hli.base.atomic_write import write_text  # late: help needs none of these
    from gammapy_hli.core.effective import effective_yaml
    from gammapy_hli.engine.simulate.store import simulate_store

    recipe, text = folder / "simulation.yaml", effective_yaml(simulation, comments=False)
    if recipe.exists() and recipe.read_text(encoding="utf-8") == text:
        logger.info("the simulated store is there already: %s", folder)
        return
    logger.info("simulating %d runs of %s into %s", simulation.n_runs, simulation.livetime, folder)
    recipe.unlink(missing_ok=True)
    simulate_store(folder, simulation.plan(), overwrite=True)
    write_text(recipe, text)


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
        lines.append(f"{parameter.name:<26} {true:>12.4g} {parameter.value:>12.4g} {parameter.error:>10.2g} {mark}")
    return "\n".join(lines)
