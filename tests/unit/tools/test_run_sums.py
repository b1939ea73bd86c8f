"""How the runs of a sum are shared by processes."""

import pytest

from gammapy_hli.run.context import RunContext
from gammapy_hli.tools.run_sums import _parts

CLUSTER = {"executor": "dask", "scheduler": "tcp://somewhere:8786"}


@pytest.mark.parametrize(
    ("context", "n_runs", "n_first", "expected"),
    [
        ({}, 20, 0, [1] * 20),
        ({"n_jobs": 2}, 20, 0, [8, 8, 1, 1, 1, 1]),
        ({"n_jobs": 2}, 15, 0, [1] * 15),
        ({"n_jobs": 2}, 20, 3, [1, 1, 1, 8, 8, 1]),
        ({"n_jobs": 3}, 16, 0, [1] * 16),
        ({"n_jobs": 2, "executor": "dask"}, 16, 0, [8, 8]),
        (CLUSTER, 100, 0, [1] * 100),
        (CLUSTER, 520, 0, [8] * 64 + [1] * 8),
    ],
    ids=[
        "one process",
        "two",
        "few runs",
        "a block has begun",
        "too few blocks",
        "dask here",
        "a cluster",
        "much for it",
    ],
)
def test_each_process_gets_as_many_blocks_as_the_others(context, n_runs, n_first, expected):
    parts = _parts(range(n_runs), n_first, RunContext(**context))
    assert [len(part) for part in parts] == expected
    assert [run for part in parts for run in part] == list(range(n_runs))
