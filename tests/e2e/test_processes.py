"""Real processes: signals, a killed run that goes on, several processes, equal bytes in any way."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "gammapy_hli"]
SLOW = """\
import time
import gammapy_hli.engine.reduce.spectrum as engine
plain = engine.reduce_observation
def slow(observation, plan):
    time.sleep({delay} if observation.name != "{first}" else 0)
    return plain(observation, plan)
engine.reduce_observation = slow
import sys
from gammapy_hli.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def start_slow(folder, *words, delay=30, first="1"):
    """A run whose second reduction waits, so that a signal meets it at work."""
    script = folder / "slow.py"
    script.write_text(SLOW.format(delay=delay, first=first))
    command = [sys.executable, str(script), "run", "-c", "sim.yaml", "--no-progress", "-v", *words]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(condition, process, limit=30):
    """Wait until a condition holds while the process lives."""
    end = time.monotonic() + limit
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.02)


def is_reducing(folder):
    """Whether the reduction has begun."""
    log = folder / "out" / "log.txt"
    return lambda: log.exists() and "reduction: runs" in log.read_text()


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"])
def test_signal_ends_with_its_exit_code_and_leaves_the_folder_in_order(place, leftovers, hli, sent, code):
    process = start_slow(place)
    wait_for(is_reducing(place), process)
    time.sleep(0.3)
    process.send_signal(sent)
    _, told = process.communicate(timeout=20)
    assert process.returncode == code
    assert "Traceback" not in told
    assert leftovers("out") == []
    assert (place / "out" / "selection" / "manifest.json").is_file()
    assert not (place / "out" / "reduction").exists()
    outcome = hli("run", "-c", "sim.yaml", "-q")
    assert outcome.code == 0
    assert "selection      up to date" in outcome.out


@pytest.mark.parametrize(
    ("sent", "code", "delay"),
    [(signal.SIGINT, 130, 0.1), (signal.SIGTERM, 143, 1.0)],
    ids=["ctrl-C while they start", "SIGTERM while they work"],
)
def test_signal_ends_all_processes_at_once(place, leftovers, hli, products, finished_session, sent, code, delay):
    """Ctrl-C goes to every process of a terminal, SIGTERM to the one that it is sent to."""
    command = [*COMMAND, "run", "-c", "sim.yaml", "--no-progress", "--n-jobs", "2"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0)
    wait_for(is_reducing(place), process)
    time.sleep(delay)
    begin = time.monotonic()
    if sent == signal.SIGINT:
        os.killpg(process.pid, sent)
    else:
        process.send_signal(sent)
    out, said = process.communicate(timeout=20)
    assert time.monotonic() - begin < 5
    assert "Traceback" not in said
    assert process.returncode == code or "results in out" in out, "unless it had come to its end before"
    wait_for_none(process.pid)
    assert leftovers("out") == []
    assert (place / "out" / "provenance.json").is_file()
    assert hli("run", "-c", "sim.yaml", "-q").code == 0
    assert products("out") == products(finished_session / "out")


def wait_for_none(group, limit=5):
    """Wait until no process of a group is left."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    raise AssertionError(f"processes of group {group} are left")


SLOW_SIMULATION = """\
import sys, time
import gammapy_hli.engine.simulate.store as store
plain = store.write_run
def slow(*arguments):
    made = plain(*arguments)
    print("made", file=sys.stderr, flush=True)
    time.sleep(60)
    return made
store.write_run = slow
from gammapy_hli.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def test_every_command_cleans_up_when_it_is_terminated(tmp_path, leftovers):
    """SIGTERM is told by the exit code, as for run."""
    words = [sys.executable, "-c", SLOW_SIMULATION, "simulate", "slow", "--n_runs", "2", "--livetime", "1 min"]
    process = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr.readline() == "made\n"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143
    assert leftovers(tmp_path) == []


def test_killed_run_goes_on_and_gives_equal_bytes(place, leftovers, hli, products, finished_session):
    process = start_slow(place)
    wait_for(is_reducing(place), process)
    time.sleep(0.3)
    process.kill()
    process.communicate(timeout=20)
    outcome = hli("run", "-c", "sim.yaml", "--no-progress")
    assert outcome.code == 0
    assert "ended without unlocking" in outcome.err
    assert products("out") == products(finished_session / "out")
    assert leftovers("out") == []


def test_folder_in_use_is_exit_5_and_names_the_process(place, hli):
    process = start_slow(place)
    try:
        wait_for(is_reducing(place), process)
        outcome = hli("run", "-c", "sim.yaml")
        assert outcome.code == 5
        assert f"is in use by process {process.pid}" in outcome.err
    finally:
        process.kill()
        process.communicate(timeout=20)


def test_products_do_not_depend_on_folder_number_of_processes_or_host_settings(place, products, finished_session):
    environment = {**os.environ, "TZ": "Pacific/Auckland", "PYTHONHASHSEED": "7", "LC_ALL": "C"}
    words = ["run", "-c", "sim.yaml", "--n-jobs", "2", "--outdir", "elsewhere/deep", "-q"]
    done = subprocess.run([*COMMAND, *words], cwd=place, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert products(place / "elsewhere" / "deep") == products(finished_session / "out")


def test_closed_pipe_is_no_error(place):
    command = " ".join([*COMMAND, "config", "template", "|", "head", "-1"])
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=place, capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stderr == ""


@pytest.mark.parametrize("step", ["selection", "reduction", "model", "fit", "flux-points", "report"])
def test_every_step_has_an_executable(step):
    program = Path(sys.executable).with_name(f"gammapy-hli-{step}")
    if not program.exists():
        pytest.skip("the package is not installed beside this Python")
    done = subprocess.run([program, "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert f"gammapy-hli {step}" in done.stdout


def test_no_color_where_it_is_not_wanted(session):
    import pty  # only here

    def colored(**more):
        environment = {**os.environ, "TERM": "xterm", **more}
        environment.pop("NO_COLOR", None) if "NO_COLOR" not in more else None
        ours, theirs = pty.openpty()
        command = [*COMMAND, "run", "-c", "sim.yaml", "--no-progress"]
        process = subprocess.run(command, cwd=session, env=environment, stdout=theirs, stderr=theirs)
        os.close(theirs)
        text = b""
        try:
            while piece := os.read(ours, 65536):
                text += piece
        except OSError:  # the other end is closed
            pass
        os.close(ours)
        assert process.returncode == 0
        return b"\x1b[" in text

    assert colored()
    assert not colored(NO_COLOR="1")
