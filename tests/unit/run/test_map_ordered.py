"""The ordered map: order, errors, deaths and interrupts, on one and on more processes."""

import logging
import os
import subprocess
import sys
import time
from functools import partial

import pytest

from gammapy_hli.base.errors import ConfigError, ItemError
from gammapy_hli.run.map_ordered import map_ordered
from gammapy_hli.run.processes import WorkerDied
from gammapy_hli.run.worker import Result, _pickled

FUNCTIONS = """
import logging, math, os, time, warnings
from gammapy_hli.base.errors import ItemError

def work(x):
    time.sleep(0.02 * (x % 3))
    return math.fsum(math.sin(x + k) for k in range(100))

def fail_on_three(x):
    if x == 3:
        raise ItemError(f"no off region in {x}")
    return x

def die_on_three(x):
    if x == 3:
        os.kill(os.getpid(), 9)
    return x

def talk(x):
    logging.getLogger("gammapy_hli.step").warning("run %s", x, extra={"step": "reduction"})
    warnings.warn(f"warned {x}")
    return x

def unpicklable(x):
    return lambda: x

def arrays(x):
    import numpy as np
    numbers = np.arange(300_000, dtype=float) * x
    parts = [numbers.astype("f4").reshape(3, -1), numbers > 7, numbers[::2].copy(), numbers[:5]]
    return parts, os.environ.get("HLI_TEST_OF_WORKERS", "")

def quantities(x):
    import numpy as np
    from astropy import units as u
    from astropy.coordinates import Longitude
    numbers = np.arange(20_000, dtype="f4")
    return u.Quantity(numbers, "m2 s", copy=False), Longitude(numbers, "deg", wrap_angle="180 deg"), numbers[:2] * u.TeV

class Odd(Exception):
    def __init__(self, a, b):
        super().__init__("odd")

def raise_odd(x):
    raise Odd(1, 2)
"""


@pytest.fixture
def functions(tmp_path, monkeypatch):
    """A module that worker processes can import."""
    (tmp_path / "hli_functions_for_workers.py").write_text(FUNCTIONS)
    monkeypatch.syspath_prepend(str(tmp_path))
    import hli_functions_for_workers

    yield hli_functions_for_workers
    del sys.modules["hli_functions_for_workers"]


class Bar:
    count = 0

    def update(self, n=1):
        self.count += n


def test_two_processes_give_what_one_gives(functions):
    items = list(range(15))
    one = [outcome.value for outcome in map_ordered(functions.work, items)]
    bar = Bar()
    two = [outcome.value for outcome in map_ordered(functions.work, items, n_jobs=2, progress=bar)]
    assert one == two
    assert bar.count == 15


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_failing_item_is_reported_and_the_others_go_on(functions, n_jobs):
    outcomes = list(map_ordered(functions.fail_on_three, range(5), n_jobs=n_jobs))
    assert [outcome.value for outcome in outcomes] == [0, 1, 2, None, 4]
    assert [outcome.item for outcome in outcomes] == [0, 1, 2, 3, 4]
    bad = outcomes[3]
    assert not bad.is_ok
    assert isinstance(bad.error, ItemError)
    assert bad.error.reason == "no off region in 3"
    assert "fail_on_three" in bad.traceback


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_stop_raises_the_first_error_after_the_outcomes_before_it(functions, n_jobs):
    outcomes = map_ordered(functions.fail_on_three, range(5), n_jobs=n_jobs, on_error="stop")
    assert [next(outcomes).value for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ItemError, match="no off region in 3"):
        next(outcomes)


def test_dead_worker_costs_its_item_only(functions):
    outcomes = list(map_ordered(functions.die_on_three, range(6), n_jobs=2))
    assert [outcome.value for outcome in outcomes] == [0, 1, 2, None, 4, 5]
    assert isinstance(outcomes[3].error, WorkerDied)
    assert "worked on 3 ended: killed by signal SIGKILL" in str(outcomes[3].error)


def test_logs_and_warnings_of_workers_arrive_in_order(functions, caplog):
    with caplog.at_level(logging.INFO):
        list(map_ordered(functions.talk, range(4), n_jobs=2))
    ours = [record for record in caplog.records if record.name == "gammapy_hli.step"]
    assert [record.getMessage() for record in ours] == ["run 0", "run 1", "run 2", "run 3"]
    assert ours[0].step == "reduction"
    assert sum("warned" in record.getMessage() for record in caplog.records) == 4


def test_values_and_errors_that_cannot_be_sent_are_reported(functions):
    values = list(map_ordered(functions.unpicklable, range(2), n_jobs=2))
    assert all("cannot be sent from a worker process" in str(outcome.error) for outcome in values)
    errors = list(map_ordered(functions.raise_odd, range(2), n_jobs=2))
    assert [str(outcome.error) for outcome in errors] == ["Odd: odd", "Odd: odd"]


def test_item_that_cannot_be_sent_is_reported(functions):
    outcomes = list(map_ordered(functions.fail_on_three, [0, lambda: 1, 2], n_jobs=2))
    assert [outcome.is_ok for outcome in outcomes] == [True, False, True]


def test_function_that_cannot_be_sent_is_refused_with_advice():
    with pytest.raises(TypeError, match="define it in a module, or use n_jobs=1"):
        list(map_ordered(lambda x: x, [1, 2], n_jobs=2))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_jobs": 0}, "n_jobs is 0"),
        ({"on_error": "x"}, "on_error is 'x'"),
        ({"executor": "mpi"}, "executor is 'mpi'"),
    ],
)
def test_options_are_checked(options, words):
    with pytest.raises(ValueError, match=words):
        map_ordered(abs, [1], **options)


def test_no_items_give_nothing():
    assert list(map_ordered(abs, [], n_jobs=4)) == []


def test_leaving_early_ends_the_processes_at_once():
    start = time.monotonic()
    outcomes = map_ordered(time.sleep, [0.0, 60.0, 60.0], n_jobs=2)
    next(outcomes)
    outcomes.close()
    assert time.monotonic() - start < 20


def test_items_are_taken_only_a_little_ahead():
    """Streaming: a list of many large results never stands in memory."""
    values = map_ordered(partial(pow, 2), range(2000), n_jobs=2)
    assert next(values).value == 1
    pool = values.gi_frame.f_locals["results"].gi_frame.f_locals["self"]
    assert pool.next_in <= 7
    values.close()


SCRIPT = """
import time
from gammapy_hli.run.map_ordered import map_ordered
if __name__ == "__main__":
    print("ready", flush=True)
    list(map_ordered(time.sleep, [0.0, 100.0, 100.0, 100.0], n_jobs=2))
"""


def test_interrupt_ends_at_once(tmp_path):
    import signal

    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    process.stdout.readline()
    time.sleep(1.0)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode != 0
    assert errors.count(b"Traceback") <= 1


def test_script_without_guard_is_told_what_to_do(tmp_path):
    path = tmp_path / "script.py"
    path.write_text("from gammapy_hli.run.map_ordered import map_ordered\nlist(map_ordered(abs, [1, 2], n_jobs=2))\n")
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "__name__" in done.stderr


def test_dask_without_the_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ConfigError, match=r"Install gammapy_hli\[dask\]"):
        list(map_ordered(abs, [1], executor="dask"))


def test_large_arrays_come_back_bitwise_and_workers_see_the_environment_of_now(functions, monkeypatch):
    monkeypatch.setenv("HLI_TEST_OF_WORKERS", "now")
    outcomes = [outcome.value for outcome in map_ordered(functions.arrays, range(4), n_jobs=2)]
    for k, (arrays, said) in enumerate(outcomes):
        assert [array.dtype.str for array in arrays] == ["<f4", "|b1", "<f8", "<f8"]
        for array, expected in zip(arrays, functions.arrays(k)[0], strict=True):
            assert array.tobytes() == expected.tobytes()
            assert array.shape == expected.shape
        assert said == "now"


def test_quantities_come_back_as_they_were(functions):
    """Large ones travel as plain arrays beside the pickle, small ones in it."""
    for outcome in map_ordered(functions.quantities, [1, 2], n_jobs=2):
        for value, expected in zip(outcome.value, functions.quantities(1), strict=True):
            assert type(value) is type(expected)
            assert (value.dtype, value.unit) == (expected.dtype, expected.unit)
            assert value.value.tobytes() == expected.value.tobytes()
        area, longitude, _ = outcome.value
        assert longitude.wrap_angle == functions.quantities(1)[1].wrap_angle
        assert len(_pickled(Result(value=area), lambda buffer: False)) < 1000


def test_worker_whose_parent_is_killed_ends(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    process = subprocess.Popen([sys.executable, str(path)], stdout=subprocess.PIPE, start_new_session=True)
    process.stdout.readline()
    time.sleep(0.7)
    process.kill()
    process.communicate(timeout=20)
    end = time.monotonic() + 10
    while processes_of_session(process.pid):
        assert time.monotonic() < end, "workers outlive the process that started them"
        time.sleep(0.05)


def processes_of_session(number):
    """Processes of a session that are neither the first nor zombies nor asleep in an item."""
    found = []
    for folder in os.listdir("/proc"):
        try:
            with open(f"/proc/{folder}/stat") as stream:
                fields = stream.read().rpartition(")")[2].split()
        except OSError:
            continue
        if folder.isdigit() and int(fields[3]) == number and fields[0] != "Z":
            found.append(int(folder))
    return found
