"""A real Dask cluster, a scheduler and two worker processes: equal bytes, lost workers, a lost scheduler, ctrl-C."""

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress

import pytest

from gammapy_hli.base.errors import InputError
from gammapy_hli.run.dask_cluster import ClusterError, remote_call
from gammapy_hli.run.map_ordered import map_ordered
from gammapy_hli.run.processes import WorkerDied

pytest.importorskip("distributed")
COMMAND = [sys.executable, "-m", "gammapy_hli"]
FUNCTIONS = """
import logging, os, time, warnings
from pathlib import Path

def square(x):
    return x * x

def die_once(item):
    x, mark = item
    if x == 3 and not os.path.exists(mark):
        open(mark, "w").close()
        os.kill(os.getpid(), 9)
    return x

def die_first(mark):
    if not os.path.exists(mark):
        open(mark, "w").close()
        os.kill(os.getpid(), 9)
    time.sleep(0.5)
    return "done"

def die_always(x):
    if x == 3:
        os.kill(os.getpid(), 9)
    return x

def talk(x):
    logging.getLogger("gammapy_hli.step").warning("run %s", x)
    warnings.warn(f"warned {x}")
    if x == 2:
        raise ValueError("no luck with 2")
    return os.getcwd()

def wait(item):
    x, mark = item
    if x:
        open(mark, "w").close()
        time.sleep(x)
    return x
"""


class Cluster:
    """Processes of a scheduler and of workers."""

    def __init__(self, folder, functions):
        self.file = folder / "scheduler.json"
        environment = {**os.environ, "PYTHONPATH": str(functions), "DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "error"}
        self.options = {"cwd": folder, "env": environment, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.scheduler = self._start("scheduler", "--port", "0", "--host", "127.0.0.1")
        self.workers = self._start("worker", "--nworkers", "2", "--nthreads", "1", "--nanny")
        wait_for(self.file.exists)
        self.address = json.loads(self.file.read_text())["address"]

    def _start(self, what, *words):
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", "--scheduler-file", str(self.file)]
        return subprocess.Popen([*command, *words, "--no-dashboard"], **self.options, start_new_session=True)

    def end(self):
        for process in (self.workers, self.scheduler):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in (self.workers, self.scheduler):
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(10)


@contextmanager
def ended(cluster):
    """End the cluster behind the block."""
    try:
        yield cluster
    finally:
        cluster.end()


def wait_for(condition, limit=30):
    """Wait until a condition holds."""
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def functions(tmp_path_factory):
    """A module that this process and the workers can import."""
    folder = tmp_path_factory.mktemp("functions")
    (folder / "hli_functions_on_dask.py").write_text(FUNCTIONS)
    sys.path.insert(0, str(folder))
    import hli_functions_on_dask

    yield hli_functions_on_dask
    sys.path.remove(str(folder))
    del sys.modules["hli_functions_on_dask"]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, functions):
    """A cluster of two worker processes that work in a folder of their own."""
    with ended(Cluster(tmp_path_factory.mktemp("cluster"), os.path.dirname(functions.__file__))) as made:
        yield made


@pytest.fixture
def dask(cluster):
    """Options of `map_ordered`."""
    return {"executor": "dask", "scheduler": cluster.address}


def test_values_come_in_order_by_address_and_by_file(functions, cluster, dask):
    expected = [x * x for x in range(40)]
    assert [outcome.value for outcome in map_ordered(functions.square, range(40), **dask)] == expected
    by_file = map_ordered(functions.square, range(5), executor="dask", scheduler=str(cluster.file))
    assert [outcome.value for outcome in by_file] == expected[:5]
    assert list(map_ordered(functions.square, [], **dask)) == []


def test_errors_logs_and_warnings_arrive_and_the_folder_is_the_same(functions, dask, caplog, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcomes = list(map_ordered(functions.talk, range(4), **dask))
    assert [outcome.value for outcome in outcomes] == [str(tmp_path), str(tmp_path), None, str(tmp_path)]
    assert "no luck with 2" in str(outcomes[2].error)
    assert "in talk" in outcomes[2].traceback
    told = [record.getMessage() for record in caplog.records if record.name == "gammapy_hli.step"]
    assert told == ["run 0", "run 1", "run 2", "run 3"]
    assert sum("warned" in record.getMessage() for record in caplog.records) == 4
    with pytest.raises(ValueError, match="no luck with 2") as caught:
        list(map_ordered(functions.talk, range(4), on_error="stop", **dask))
    assert "in talk" in caught.value.__notes__[0]


def test_killed_worker_costs_a_retry(functions, dask, tmp_path):
    items = [(x, str(tmp_path / "mark")) for x in range(6)]
    assert [outcome.value for outcome in map_ordered(functions.die_once, items, **dask)] == list(range(6))
    assert (tmp_path / "mark").exists()


def test_item_that_kills_every_worker_is_given_up_and_the_others_are_not(functions, dask):
    outcomes = list(map_ordered(functions.die_always, range(5), **dask))
    assert [outcome.value for outcome in outcomes] == [0, 1, 2, None, 4]
    assert isinstance(outcomes[3].error, WorkerDied)
    assert "Dask workers ended while they worked on 3" in str(outcomes[3].error)


KILLER = """
import sys
import dask
from gammapy_hli.run.map_ordered import map_ordered
import hli_functions_on_dask as functions
if __name__ == "__main__":
    dask.config.set({"distributed.deploy.lost-worker-timeout": "0.3 s"})  # as if it was lost twice in 15 s
    items = [sys.argv[1]] * 3
    print([outcome.value for outcome in map_ordered(functions.die_first, items, executor="dask", n_jobs=1)])
"""


def test_worker_that_is_lost_while_the_cluster_looks_is_back_later(functions, tmp_path):
    (tmp_path / "script.py").write_text(KILLER)
    command = [sys.executable, str(tmp_path / "script.py"), str(tmp_path / "mark")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([os.path.dirname(functions.__file__), *sys.path])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)
    assert (tmp_path / "mark").exists()
    assert done.stdout.strip() == "['done', 'done', 'done']", done.stderr


def test_products_are_the_same_bytes_as_of_one_process(cluster, place, hli, products, finished_session, leftovers):
    done = hli("run", "-c", "sim.yaml", "-q", "--general.executor", "dask", "--general.scheduler", cluster.address)
    assert done.code == 0, done.err
    assert products("out") == products(finished_session / "out")
    assert leftovers("out") == []


def test_tasks_are_small(place):
    from gammapy_hli.analysis import Analysis  # late: loads numpy

    analysis = Analysis("sim.yaml")
    analysis.run("selection")
    assert max(len(pickle.dumps(observation)) for observation in analysis.observations) < 2000
    assert len(pickle.dumps(analysis.reduction.spectrum_plan())) < 20000


def test_other_version_on_the_workers_is_told():
    with pytest.raises(ClusterError, match=r"has gammapy_hli .*, the one that asks 0\.0\.1; install the same"):
        remote_call(abs, pickle.dumps(1), ("0.0.1", "/", 20))


def test_lost_scheduler_is_one_clear_error_and_nothing_is_half_written(functions, tmp_path, place, leftovers):
    with ended(Cluster(tmp_path, os.path.dirname(functions.__file__))) as lost:
        outcomes = map_ordered(
            functions.wait, [(0, ""), (60, str(tmp_path / "mark"))], executor="dask", scheduler=lost.address
        )
        assert next(outcomes).value == 0
        wait_for((tmp_path / "mark").exists)
        os.killpg(lost.scheduler.pid, signal.SIGKILL)
        with pytest.raises(ClusterError, match="went away"):
            next(outcomes)
    words = [*COMMAND, "run", "-c", "sim.yaml", "-q", "--general.executor", "dask", "--general.scheduler", lost.address]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == InputError.exit_code
    assert f"no Dask scheduler answers at {lost.address}" in done.stderr
    assert "Traceback" not in done.stderr
    assert leftovers("out") == []
    assert not (place / "out" / "reduction").exists()


SCRIPT = """
import sys
from gammapy_hli.run.map_ordered import map_ordered
import hli_functions_on_dask as functions
if __name__ == "__main__":
    items = [(0, ""), (3, sys.argv[2]), (3, sys.argv[2]), *[(60, sys.argv[2])] * 20]
    list(map_ordered(functions.wait, items, executor="dask", scheduler=sys.argv[1]))
"""


def test_interrupt_ends_at_once_and_the_cluster_goes_on(functions, cluster, dask, tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, str(tmp_path / "script.py"), cluster.address, str(tmp_path / "mark")]
    environment = {**os.environ, "PYTHONPATH": os.path.dirname(functions.__file__)}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)
    wait_for((tmp_path / "mark").exists)
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert time.monotonic() - start < 2.5
    assert process.returncode != 0
    assert b"KeyboardInterrupt" in errors
    assert [outcome.value for outcome in map_ordered(functions.square, range(3), **dask)] == [0, 1, 4]
