"""Stacked maps of many runs: blocks that workers add up give the bytes of one process, whatever happens to a worker."""

import shutil
import subprocess

import pytest

import gammapy_hli.engine.datasets.blocked_stack
import gammapy_hli.tools.kept_sum
import gammapy_hli.tools.reduction
from gammapy_hli.cli.main import main

CONFIG = """\
config_version: 1
general: {outdir: out}
steps: [selection, reduction]
selection: {datastore: store, obs_ids: [1, 2, 3, 4, 5, 6, 7]}
reduction:
  type: map
  geometry: {center: "83.633 deg, 22.0145 deg", width: [3 deg, 3 deg], pixel: 0.1 deg}
  energy: {min: 0.5 TeV, max: 20 TeV, nbins: 3}
  energy_true: {min: 0.3 TeV, max: 40 TeV, nbins: 5}
  background: {method: fov}
  safe_mask: {methods: [offset-max], offset_max: 2.5 deg}
"""
KILL = "os.kill(os.getpid(), signal.SIGKILL)"
KILL_ONCE = "pathlib.Path('died').exists() or [pathlib.Path('died').touch(), os.kill(os.getpid(), signal.SIGKILL)]"


@pytest.fixture(scope="module")
def store_of_seven(tmp_path_factory):
    folder = tmp_path_factory.mktemp("seven") / "store"
    assert main(["simulate", str(folder), "--n_runs", "7", "--livetime", "4 min", "--seed", "5"]) == 0
    return folder


@pytest.fixture
def here(tmp_path, store_of_seven, monkeypatch):
    """A working directory with seven runs and ``map.yaml``; blocks are of two runs."""
    shutil.copytree(store_of_seven, tmp_path / "store")
    (tmp_path / "map.yaml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(gammapy_hli.engine.datasets.blocked_stack, "BLOCK", 2)
    return tmp_path


def reduce(hli, outdir, *words):
    return hli("run", "-c", "map.yaml", "--no-progress", "--outdir", outdir, *words)


@pytest.fixture
def run_patched(here, patched_command):
    """The command with two processes, in which the reduction of run 4 does something else."""
    blocks = "import gammapy_hli.engine.datasets.blocked_stack as stack; stack.BLOCK = 2"

    def run(what, *words, first=""):
        command = patched_command("map.yaml", 4, what, *words, first=f"{blocks}\n{first}")
        return subprocess.run(command, cwd=here, capture_output=True, text=True, timeout=100, check=False)

    return run


def maps(folder):
    return {path.name: path.read_bytes() for path in (folder / "reduction").glob("*.fits")}


@pytest.mark.parametrize(
    "extra",
    [
        (),
        ("--reduction.group.column", "RA_PNT"),
        ("--reduction.background.exclusion.from_significance.radius", "0.2 deg"),
        ("--reduction.background.method", "ring", "--reduction.type", "image"),
        ("--general.store_per_obs", "false"),
    ],
    ids=["one sum", "groups", "a search before", "on and off images", "nothing kept"],
)
def test_any_number_of_processes_gives_the_same_bytes(here, hli, products, extra):
    for n_jobs in ("1", "2", "3"):
        done = reduce(hli, f"out-{n_jobs}", "--n-jobs", n_jobs, *extra)
        assert done.code == 0, done.err
    assert products("out-2") == products("out-1")
    assert products("out-3") == products("out-1")


def test_a_sum_that_was_interrupted_goes_on_with_other_processes(here, hli, products, monkeypatch):
    """It was kept in the middle of a block: that is completed, then blocks follow."""
    monkeypatch.setattr(gammapy_hli.tools.kept_sum, "SECONDS", -1.0)
    monkeypatch.setattr(gammapy_hli.tools.kept_sum, "SHARE", float("inf"))
    assert reduce(hli, "whole").code == 0
    plain = gammapy_hli.tools.reduction.reduce_run

    def stops(observation, plan):
        if observation.name == "4":
            raise KeyboardInterrupt
        return plain(observation, plan)

    with monkeypatch.context() as patch:
        patch.setattr(gammapy_hli.tools.reduction, "reduce_run", stops)
        assert reduce(hli, "out").code == 130
    again = reduce(hli, "out", "--n-jobs", "2")
    assert again.code == 0
    assert "3 of 7 runs are in the sum that was kept" in again.err
    assert products("out") == products("whole")


def test_a_run_that_kills_its_worker_is_named_and_costs_no_other(run_patched, here, hli, products):
    done = run_patched(KILL)
    assert done.returncode == 4, done.stderr
    (told,) = (line for line in done.stderr.splitlines() if "is left out" in line)
    assert "run 4 is left out: failed: the process that worked on Observation name : 4 " in told
    assert "killed by signal SIGKILL" in told
    failed = run_patched("raise RuntimeError('broken')", "--outdir", "failed")
    assert failed.returncode == 4, failed.stderr
    assert maps(here / "out") == maps(here / "failed")


def test_a_worker_that_died_by_chance_costs_nothing(run_patched, here, hli, products):
    done = run_patched(KILL_ONCE)
    assert (here / "died").exists()
    assert done.returncode == 0, done.stderr
    assert reduce(hli, "whole").code == 0
    assert products("out") == products("whole")


@pytest.mark.parametrize(
    ("what", "told"),
    [("raise RuntimeError('broken')", "broken"), ("raise MemoryError", "MemoryError")],
    ids=["words", "an error without words"],
)
def test_a_failed_run_is_told_with_its_traceback(run_patched, here, what, told):
    done = run_patched(what, "-v")
    assert done.returncode == 4, done.stderr
    assert f"run 4 is left out: failed: {told}\n" in done.stderr
    assert what in done.stderr


@pytest.mark.parametrize(
    ("what", "told"), [("raise RuntimeError('broken')", "broken"), (KILL, "killed by signal SIGKILL")]
)
def test_on_error_stop_ends_there_and_writes_nothing(run_patched, here, leftovers, what, told):
    done = run_patched(what, "--general.on_error", "stop")
    assert done.returncode == 1, done.stderr
    assert told in done.stderr
    assert not (here / "out" / "reduction").exists()
    assert leftovers("out") == []


def test_a_block_that_finds_no_memory_costs_nothing(run_patched, here, hli, products):
    """Workers add up as much as the process that started them: where that is too much for them they do not."""
    first = "def block_of(make, datasets):\n    raise MemoryError\nstack.block_of = block_of"
    done = run_patched("pass", first=first)
    assert done.returncode == 0, done.stderr
    assert reduce(hli, "whole").code == 0
    assert products("out") == products("whole")


def test_on_error_stop_ends_at_the_first_run_whatever_becomes_of_the_rest_of_its_block(run_patched, here):
    """Run 3 cannot be used, run 4 of the same block fails: the same message and exit code as with one process."""
    (path,) = (path for path in (here / "store").rglob("*3.fits*") if "index" not in path.name)
    path.write_bytes(path.read_bytes()[:3000])
    for n_jobs in ("1", "2"):
        done = run_patched("raise RuntimeError('broken')", "--general.on_error", "stop", "--n-jobs", n_jobs)
        assert done.returncode == 3, done.stderr
        assert "step 'reduction' failed: run 3: " in done.stderr
        assert "broken gzip file" in done.stderr


@pytest.mark.parametrize("on_error", ["skip", "stop"])
def test_a_run_that_cannot_be_used_is_left_out_or_stops(here, hli, on_error):
    for n_jobs in ("1", "2"):
        outdir = f"out-{n_jobs}"
        (path,) = (path for path in (here / "store").rglob("*4.fits*") if "index" not in path.name)
        path.write_bytes(path.read_bytes()[:3000])
        done = reduce(hli, outdir, "--n-jobs", n_jobs, "--general.on_error", on_error)
        assert done.code == (4 if on_error == "skip" else 3), done.err
        assert "run 4" in done.err
        assert (here / outdir / "reduction").exists() == (on_error == "skip")
    if on_error == "skip":
        assert maps(here / "out-1") == maps(here / "out-2")
