"""The start-up budget: help, template and schema stay free of numerics, and quick."""

import json
import pkgutil
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

import gammapy_hli
from gammapy_hli.cli.main import main
from gammapy_hli.engine.models.models_yaml import parse_short
from gammapy_hli.engine.simulate.plan import SimulationPlan
from gammapy_hli.engine.simulate.store import simulate_store

LIGHT = ("base", "core", "run", "components", "tools", "cli", "analysis")
HEAVY = ("numpy", "astropy", "scipy", "regions", "iminuit", "matplotlib", "jinja2", "tqdm", "dask", "IPython")
CLI = "import sys; from gammapy_hli.cli.main import main; sys.exit(main(sys.argv[1:]))"

COMMANDS = {
    "help": ["--help"],
    "run help": ["run", "--help"],
    "reduction help": ["reduction", "--help"],
    "template": ["config", "template"],
    "schema": ["config", "schema"],
    "info": ["info"],
    "prov help": ["prov", "graph", "--help"],
}


def run_python(code, *arguments):
    """Run code in a fresh interpreter; it must end well."""
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def light_modules():
    """Names of all modules that must load without numerics."""
    folder = Path(gammapy_hli.__file__).parent
    names = ["gammapy_hli"]
    for part in LIGHT:
        names.append(f"gammapy_hli.{part}")
        names += [found.name for found in pkgutil.walk_packages([str(folder / part)], f"gammapy_hli.{part}.")]
    return names


def test_light_modules_load_nothing_heavy():
    """One process, all modules in turn; the first that brings something heavy in is named."""
    code = """
import importlib, sys
heavy = sys.argv[1].split()
for name in sys.argv[2:]:
    importlib.import_module(name)
    found = [other for other in heavy if other in sys.modules]
    if found:
        sys.exit(f"{name} loads {found}")
"""
    run_python(code, " ".join(HEAVY), *light_modules())


@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS)
def test_commands_without_data_load_nothing_heavy(arguments):
    code = f"""
import sys
from gammapy_hli.cli.main import main
try:
    code = main(sys.argv[1:])
except SystemExit as stop:
    code = stop.code
found = [name for name in {HEAVY} if name in sys.modules]
if code or found:
    sys.exit(f"exit code {{code}}, loaded {{found}}")
"""
    run_python(code, *arguments)


def test_spectra_are_analyzed_without_scipy(tmp_path):
    """Half of the time and memory of a small analysis is what it imports; scipy would add a fifth."""
    spectrum = {"type": "pl", "index": 2.6, "amplitude": "4e-11 cm-2 s-1 TeV-1", "reference": "1 TeV"}
    source = {"crab": {"spectral": spectrum}}
    simulate_store(tmp_path / "store", SimulationPlan(models=parse_short(source), n_runs=1))
    code = """
import json, sys
from gammapy_hli import Analysis
Analysis(json.loads(sys.argv[1])).run(until="flux_points")
found = [name for name in ("scipy", "jinja2", "tqdm", "matplotlib.pyplot") if name in sys.modules]
if found:
    sys.exit(f"loaded {found}")
"""
    options = {
        "general.outdir": str(tmp_path / "out"),
        "selection.datastore": str(tmp_path / "store"),
        "reduction.on_region": {"circle": {"center": "83.633 deg, 22.0145 deg", "radius": "0.11 deg"}},
        "model.sources": source,
        "flux_points.sensitivity": True,
    }
    run_python(code, json.dumps(options))


def is_within(limit, code, *arguments):
    """Whether one of up to forty runs takes less processor time [s] than the limit; on an idle machine the first.

    The same run takes up to half more where a machine is shared: the tries are spread over a minute then.
    """
    for attempt in range(40):
        time.sleep(0.07 * attempt)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run_python(code, *arguments)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < limit:
            return True
    return False


def test_import_costs_nothing():
    assert is_within(0.1, "import gammapy_hli")


@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS)
def test_commands_without_data_are_quick(arguments):
    assert is_within(0.3, CLI, *arguments)


def test_main_is_the_function_that_the_executable_calls():
    assert callable(main)
