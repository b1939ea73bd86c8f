"""Two processes on a real reduction: the same bytes, a worker that is killed, a run that fails, ctrl-C."""

import os
import signal
import subprocess
import sys
import time

import pytest

MAP = """\
config_version: 1
general: {outdir: out}
steps: [selection, reduction, model, fit, flux_points, light_curve]
selection: {datastore: store, obs_ids: [1, 2, 3]}
reduction:
  type: map
  stack: true
  geometry: {center: "83.633 deg, 22.0145 deg", width: [2 deg, 2 deg], pixel: 0.05 deg}
  energy: {min: 0.5 TeV, max: 20 TeV, nbins: 3}
  energy_true: {min: 0.3 TeV, max: 40 TeV, nbins: 6}
  background: {method: fov}
model:
  sources:
    crab:
      spectral: {type: pl, amplitude: 3e-11 cm-2 s-1 TeV-1, index: 2.6, reference: 1 TeV}
      spatial: {type: point, lon_0: 83.633 deg, lat_0: 22.0145 deg}
  background: {norm: 1}
flux_points: {source: crab, reoptimize: true, energy: {min: 0.5 TeV, max: 20 TeV, nbins: 3}}
light_curve: {source: crab}
"""


@pytest.fixture
def run_patched(place, patched_command):
    """Start a run with two processes in which the reduction of run 2 does something else."""

    def start(what, *words):
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True}
        return subprocess.Popen(patched_command("sim.yaml", 2, what, *words), cwd=place, **options)

    return start


@pytest.mark.parametrize("stack", ["true", "false"])
def test_maps_of_two_processes_are_the_same_bytes(place, hli, products, stack):
    (place / "map.yaml").write_text(MAP.replace("stack: true", f"stack: {stack}"))
    until = ("--until", "reduction") if stack == "true" else ()
    for n_jobs in (1, 2):
        done = hli("run", "-c", "map.yaml", "-q", "--n-jobs", n_jobs, "--outdir", f"out-{n_jobs}", *until)
        assert done.code in (0, 4), done.err
    assert products("out-1") == products("out-2")
    if not until:
        table = (place / "out-2" / "flux_points" / "crab.ecsv").read_text()
        assert (
            sum(line.endswith("True") or " True " in line for line in table.splitlines()) >= 2
        )  # points that were fitted


def test_killed_worker_is_told_with_its_run_and_the_others_go_on(run_patched, place):
    process = run_patched("os.kill(os.getpid(), signal.SIGKILL)", "--until", "reduction")
    said, told = process.communicate(timeout=60)
    assert process.returncode == 4, told
    assert "run 2 is left out: failed: the process that worked on" in told
    assert "killed by signal SIGKILL; often the memory was full" in told
    assert "2 datasets" in said
    assert "SIGKILL" in (place / "out" / "reduction" / "info.ecsv").read_text()


def test_failed_run_is_told_with_its_traceback(run_patched, place):
    process = run_patched("raise RuntimeError('broken')", "-v", "--until", "reduction")
    _, told = process.communicate(timeout=60)
    assert process.returncode == 4, told
    assert "run 2 is left out: failed: broken" in told
    assert "raise RuntimeError('broken')" in told
    assert (place / "out" / "reduction" / "pha_obs3.fits").is_file()


def test_on_error_stop_ends_at_the_failed_run_and_writes_nothing(run_patched, place, leftovers):
    process = run_patched("raise RuntimeError('broken')", "--general.on_error", "stop")
    _, told = process.communicate(timeout=60)
    assert process.returncode == 1, told
    assert "broken" in told
    assert not (place / "out" / "reduction").exists()
    assert leftovers("out") == []


def test_interrupt_ends_all_processes_at_once(run_patched, place, leftovers):
    process = run_patched("open('waits', 'w').close(); time.sleep(60)")
    end = time.monotonic() + 30
    while not (place / "waits").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)
    start = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=20)
    assert time.monotonic() - start < 5
    assert process.returncode == 130
    assert "Traceback" not in told
    assert not (place / "out" / "reduction").exists()
    assert leftovers("out") == []


SERVER = """
import sys
from multiprocessing.forkserver import _forkserver
from gammapy_hli.cli.main import main
if __name__ == "__main__":
    print(main(sys.argv[1:]), _forkserver._forkserver_pid)
"""


def test_nothing_is_started_where_nothing_is_to_be_done(place, hli):
    """A process that loads modules would keep a pipe from this one open, for a second after it has ended."""
    (place / "script.py").write_text(SERVER)
    words = ("run", "-c", "sim.yaml", "-q", "--n-jobs", "2", "--until", "reduction")
    assert hli(*words).code == 0
    done = subprocess.run([sys.executable, "script.py", *words], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "0 None", done.stderr


def test_simulated_runs_of_two_processes_are_the_same_bytes(place, hli):
    words = ("--n_runs", "3", "--livetime", "8 min", "--seed", "3")  # as those of the store
    assert hli("simulate", "other", *words, "--n-jobs", "2").code == 0
    for path in (path for path in (place / "store").rglob("*") if path.is_file()):
        assert (place / "other" / path.relative_to(place / "store")).read_bytes() == path.read_bytes()
    refused = hli("simulate", "more", "--n-jobs", "0")
    assert refused.code == 2
    assert "--n-jobs is 0; expected 1 or more" in refused.err
    assert not (place / "more").exists()
