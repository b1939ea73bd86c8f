"""Folders that cannot be written to: one clear error, exit code 5, nothing half written, and the next run goes on."""

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

from gammapy_hli.analysis import Analysis
from gammapy_hli.base.errors import FolderError

RUN = ["run", "-c", "sim.yaml", "--no-progress"]
LIMITED = """\
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
from gammapy_hli.cli.main import main
sys.exit(main(sys.argv[2:]))
"""
NOBODY = ["--reuid=65534", "--regid=65534", "--clear-groups"]
MAY_READ = ["--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search"]  # the program, and this folder


def call(code, *words, folder=None):
    """Run a command in a process of its own, changed by some lines of Python."""
    command = [sys.executable, "-c", code, *map(str, words)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


def told(done):
    """What stands on stderr beside the log."""
    return [line for line in done.stderr.splitlines() if not line[:2].isdigit()]


def whole_steps(folder):
    """Steps with a manifest; everything else of a step's folder must not be there."""
    found = {path.parent.name for path in Path(folder).glob("*/manifest.json")}
    assert found == {path.name for path in Path(folder).iterdir() if path.is_dir() and not path.name.startswith(".")}
    return found


@pytest.mark.parametrize(
    ("limit", "done"),
    [(60, set()), (9_000, {"selection"})],
)
def test_file_that_is_too_large(place, hli, products, leftovers, finished_session, limit, done):
    ended = call(LIMITED, limit, *RUN)
    assert ended.returncode == 5, ended.stderr
    assert len(told(ended)) == 1
    assert "File too large" in told(ended)[0]
    if done:
        assert "out/reduction: File too large; the product of step 'reduction' is not written." in told(ended)[0]
    assert whole_steps("out") == done
    assert leftovers("out") == []
    outcome = hli(*RUN)
    assert outcome.code == 0
    assert products("out") == products(finished_session / "out")


def test_log_that_is_full_does_not_stop_the_work(place, hli):
    assert hli(*RUN, "--until", "selection").code == 0
    with open("out/log.txt", "ab") as stream:
        stream.write(b"\n" * 100_000)
    ended = call(LIMITED, 100_000, *RUN, "--only", "model")
    assert ended.returncode == 0
    assert "log.txt: File too large; no more is logged there" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.fixture
def small_device():
    """A device of four megabytes; skips where it cannot be mounted."""
    folder = tempfile.mkdtemp(prefix="hli-small-")
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder]
    if os.geteuid() != 0 or shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        os.rmdir(folder)
        pytest.skip("a file system can be mounted by root only")
    yield Path(folder)
    subprocess.run(["umount", folder], check=True)
    os.rmdir(folder)


def test_full_device(place, hli, products, leftovers, finished_session, small_device):
    ballast = small_device / "ballast"
    ballast.write_bytes(bytes(3_700_000))
    outdir = small_device / "out"
    ended = hli(*RUN, "-q", "--outdir", outdir)
    assert ended.code == 5
    assert "No space left on device" in ended.err
    assert "What is done is kept" in ended.err
    assert leftovers(outdir) == []
    assert whole_steps(outdir) < {"selection", "reduction", "model", "fit", "flux_points"}
    ballast.unlink()
    outcome = hli(*RUN, "--outdir", outdir)
    assert outcome.code == 0
    assert products(outdir) == products(finished_session / "out")


@pytest.mark.parametrize(
    "words",
    [
        ("simulate", "{}/new", "--n_runs", "1", "--livetime", "1 min"),
        ("simulate", "{}/new", "--n_runs", "2", "--livetime", "1 min", "--n-jobs", "2"),
        ("demo", "--outdir", "{}/new", "-q"),
        ("config", "to-script", "-c", "sim.yaml", "-o", "{}/new"),
        ("config", "-o", "{}/new"),
    ],
    ids=lambda words: " ".join(words[:2]) + str(len(words)),
)
def test_every_command_tells_of_a_full_device(place, hli, leftovers, small_device, words):
    (small_device / "ballast").write_bytes(bytes(4 * 2**20 - os.sysconf("SC_PAGE_SIZE") * 4))
    with suppress(OSError), open(small_device / "more", "wb", buffering=0) as stream:
        while stream.write(bytes(1024)):
            pass
    ended = hli(*(word.format(small_device) for word in words))
    assert ended.code == 5, ended.err
    assert f"{small_device}/new" in ended.err
    assert "No space left on device" in ended.err
    assert "unexpected" not in ended.err
    assert leftovers(small_device) == []


def test_saving_a_session_tells_of_a_full_device(session, leftovers, small_device):
    opened = Analysis.read("out")
    (small_device / "ballast").write_bytes(bytes(3_900_000))
    with pytest.raises(FolderError, match="No space left on device; the session is not whole there") as raised:
        opened.write(small_device / "saved")
    assert len(str(raised.value)) < 300
    assert leftovers(small_device) == []
    (small_device / "ballast").unlink()
    opened.write(small_device / "saved")
    assert Analysis.read(small_device / "saved").plan().to_run == ()


@pytest.fixture
def as_nobody(place):
    """Calls the program as an ordinary user who may read everything."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root can become another user")

    def run(*words):
        command = ["setpriv", *NOBODY, *MAY_READ, sys.executable, "-m", "gammapy_hli", *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=120)

    if run("--version").returncode != 0:
        pytest.skip("the package cannot be read by other users")
    return run


def test_folder_that_may_not_be_written_to(place, as_nobody):
    ended = as_nobody(*RUN)
    assert ended.returncode == 5
    assert told(ended) == ["gammapy-hli: out: Permission denied; choose another general.outdir"]
    assert sorted(path.name for path in place.iterdir()) == ["sim.yaml", "store"]


def test_session_of_somebody_else_can_be_looked_at_only(place, as_nobody, hli, all_states):
    assert hli(*RUN, "-q").code == 0
    before = all_states(place)
    ended = as_nobody(*RUN)
    assert ended.returncode == 5
    assert told(ended) == ["gammapy-hli: out: cannot write here (Permission denied); choose another general.outdir"]
    looked = as_nobody("status", "--outdir", "out")
    assert looked.returncode == 0, looked.stderr
    assert looked.stdout.count("up to date") == 5
    assert all_states(place) == before
