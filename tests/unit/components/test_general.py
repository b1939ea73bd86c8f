"""The options of the section ``general``: who works, checked together."""

import sys

import pytest

from gammapy_hli.analysis import Analysis
from gammapy_hli.base.errors import ConfigError
from gammapy_hli.core.resolve import resolve
from gammapy_hli.core.sources import TextSource

ADDRESS = "tcp://127.0.0.1:8786"


def problems(text):
    """What is wrong with a configuration, warnings too."""
    resolved = resolve(Analysis, [TextSource(text, "crab.yaml")], complete=False)
    return (*resolved.problems, *resolved.warnings)


def test_scheduler_needs_executor_dask_and_names_both_places():
    (problem,) = problems(f"config_version: 1\ngeneral:\n  executor: process\n  scheduler: {ADDRESS}\n")
    assert problem.path == "general.scheduler"
    assert (problem.file, problem.line) == ("crab.yaml", 4)
    assert "needs executor dask; it is process (crab.yaml:3" in problem.message
    assert problem.hint == "write executor: dask"


@pytest.mark.parametrize("scheduler", [ADDRESS, "tls://login-1:8786", "shared/scheduler.json"])
def test_scheduler_is_an_address_or_a_file(scheduler):
    assert problems(f"config_version: 1\ngeneral: {{executor: dask, scheduler: {scheduler}}}\n") == ()


def test_scheduler_that_is_neither_is_refused():
    (problem,) = problems("config_version: 1\ngeneral: {executor: dask, scheduler: 127.0.0.1}\n")
    assert "'127.0.0.1' is no address and no scheduler file" in problem.message
    assert "tcp://host:8786" in problem.hint


def test_number_of_jobs_beside_a_scheduler_is_a_warning():
    (problem,) = problems(f"config_version: 1\ngeneral: {{executor: dask, scheduler: '{ADDRESS}', n_jobs: 4}}\n")
    assert problem.severity == "warning"
    assert problem.path == "general.n_jobs"


def test_options_reach_the_context():
    analysis = Analysis({"general.executor": "dask", "general.scheduler": ADDRESS})
    pytest.importorskip("distributed")
    context = analysis.context()
    assert (context.executor, context.scheduler, context.n_jobs) == ("dask", ADDRESS, 1)


def test_missing_extra_is_a_configuration_error_that_names_it(monkeypatch):
    analysis = Analysis({"general.executor": "dask"})
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ConfigError, match=r"Install gammapy_hli\[dask\]") as caught:
        analysis.context()
    assert caught.value.problems[0].path == "general.executor"
    assert caught.value.exit_code == 2
