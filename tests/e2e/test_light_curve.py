"""Light curves from the command line: what is asked for wrongly, what has no data, spectra that survive a kill."""

import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from gammapy_hli.analysis import Analysis
from gammapy_hli.engine.dl3 import fits_file
from gammapy_hli.engine.products.light_curve import LightCurve

CURVE = ("light-curve", "--outdir", "out", "--no-progress")
FIRST, LATER = "2024-01-10T20:00:00", "2024-01-15T20:00:00"


def curve(folder="out"):
    return LightCurve.read(f"{folder}/light_curve/crab.fits")


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (
            ("--intervals", "ranges", "--ranges", f"[[{FIRST}, {LATER}], [2024-01-12, 2024-01-16]]"),
            2,
            f"intervals overlap: {FIRST} to {LATER} and 2024-01-12T00:00:00 to 2024-01-16T00:00:00",
        ),
        (
            ("--intervals", "ranges", "--ranges", f"[[{LATER}, {FIRST}]]"),
            2,
            f"(--ranges): {FIRST} is not later than {LATER}",
        ),
        (
            ("--intervals", "ranges", "--ranges", f"[[{FIRST}, {LATER}], [{{mjd: 60321.0, scale: tt}}, 2024-01-16]]"),
            2,
            "(--ranges): intervals overlap: number 0 ends at 2024-01-15T20:00:00.000, number 1",
        ),
        (
            ("--intervals", "edges", "--edges", LATER, "{mjd: 60319.0, scale: tdb}"),
            2,
            "(--edges): edges of intervals must increase",
        ),
        (
            ("--intervals", "length", "--length", "1 d", "--begin", "{mjd: 60319.0}"),
            2,
            "(--begin): no scale is given. Allowed: ",
        ),
        (("--intervals", "ranges"), 2, "light_curve.ranges: is needed for intervals ranges"),
        (
            ("--intervals", "ranges", "--ranges", "[[2020-01-01, 2020-01-02]]"),
            3,
            "no dataset lies inside one of the 1 intervals",
        ),
        (
            ("--folding.period", "1 d", "--folding.epoch", FIRST, "--folding.valid", "2020-01-01", "2021-01-01"),
            3,
            "is outside the ephemeris, which is valid from 2020-01-01T00:00:00.000",
        ),
        (("--folding.period", "1 d"), 2, "light_curve.folding.epoch: an ephemeris needs it"),
        (("--folding.period", "1 d", "--folding.epoch", "{mjd: 60319.0}"), 2, "(--folding.epoch): no scale is given"),
        (("--folding.epoch", FIRST, "--folding.period", "33 ms"), 3, "turns of the ephemeris (period 0.033 s)"),
        (
            ("--folding.epoch", FIRST, "--folding.period", "1 d", "--folding.edges", "0.5", "0.2"),
            2,
            "(--folding.edges): 0.2 stands behind 0.5; expected increasing phases",
        ),
        (("--folding.barycenter", "--folding.epoch", FIRST, "--folding.period", "1 d"), 2, "position: is needed"),
        (("--periodogram.min_period", "2 d", "--periodogram.max_period", "1 d"), 2, "leave no range"),
    ],
    ids=[
        "overlap", "backward", "overlap of scales", "edges of scales", "no scale", "no ranges", "no run",
        "old ephemeris",
        "no epoch", "epoch without scale", "pulsar", "phases", "no position", "periods",
    ],
)  # fmt: skip
def test_what_cannot_be_is_told_and_nothing_is_written(session, hli, options, code, words):
    outcome = hli(*CURVE, *options)
    assert outcome.code == code
    assert words in " ".join(outcome.err.split())
    assert "Traceback" not in outcome.err
    assert not (session / "out" / "light_curve").exists()


def test_an_interval_without_a_run_is_a_row_with_its_reason(session, hli):
    outcome = hli(*CURVE, "--intervals", "ranges", "--ranges", "[[2020-01-01, 2020-01-02], [2023-01-01, 2025-01-01]]")
    assert outcome.code == 0
    assert "crab: 2 intervals" in outcome.out
    found = curve()
    assert found.interval == ("0", "1")
    assert found.reason == ("no run", "")
    assert found.success[:, 0].tolist() == [False, True]


def test_asked_intervals_of_the_selection_are_rows_too(place, hli):
    cut = "{ranges: [[2023-01-01, 2025-01-01], [2020-01-01, 2020-01-02]]}"
    steps = ["selection", "reduction", "model", "fit", "light_curve"]
    outcome = hli("run", "-c", "sim.yaml", "--steps", *steps, "--selection.intervals", cut, "--no-progress")
    assert outcome.code == 0, outcome.err
    assert curve().reason == ("no run", "")


SLOW = """\
import sys, time
import gammapy_hli.engine.estimate.interval_spectra as engine
plain = engine.fit_interval
def slow(work):
    time.sleep(60 if work.name == "2" else 0)
    return plain(work)
engine.fit_interval = slow
from gammapy_hli.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_killed_refit_goes_on_interval_by_interval(session, hli, products):
    (session / "slow.py").write_text(SLOW)
    words = [*CURVE, "--spectral_shape", "refit"]
    process = subprocess.Popen([sys.executable, "slow.py", *words], stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    end = time.monotonic() + 30
    while not any((session / "out" / ".items" / "light_curve").glob("*")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.05)
    time.sleep(0.3)
    process.kill()
    process.communicate(timeout=20)
    assert not (session / "out" / "light_curve").exists()
    outcome = hli(*words)
    assert outcome.code == 0
    assert "1 of 3 intervals are taken as they were fitted before" in outcome.err
    found = products("out/light_curve")
    assert curve().spectra.success.all()
    # nothing is fitted again where only the limits change, and in two processes all is the same
    again = hli(*words, "--n_sigma_ul", "3")
    assert "3 of 3 intervals are taken" in again.err
    for path in (session / "out" / ".items" / "light_curve").iterdir():
        path.unlink()
    assert hli(*words, "--n_sigma_ul", "2", "--force", "--n-jobs", "2").code == 0
    assert products("out/light_curve") == found


def test_a_model_without_free_parameters_cannot_be_refitted(session, hli):
    frozen = hli(
        "run", "-c", "sim.yaml", "--steps", "selection", "reduction", "model", "fit", "light_curve", "--no-progress",
        "--light_curve.spectral_shape", "refit",
        "--model.sources.crab.spectral.index", "{value: 2.4, frozen: true}",
        "--model.sources.crab.spectral.amplitude", "{value: 3e-11 cm-2 s-1 TeV-1, frozen: true}",
    )  # fmt: skip
    assert frozen.code == 3
    assert "no spectral parameter of crab is free (index, amplitude, reference)" in " ".join(frozen.err.split())


MAP = {
    "reduction.type": "map",
    "reduction.geometry": {"center": "83.633 deg, 22.0145 deg", "width": ["2 deg", "2 deg"], "pixel": "0.1 deg"},
    "reduction.background.method": "fov",
    "reduction.stack": False,
    "reduction.energy.per_decade": 2,
    "reduction.energy_true.per_decade": 3,
}


@pytest.mark.parametrize("kind", [{}, MAP], ids=["spectra", "maps"])
def test_a_run_is_read_once_however_many_intervals_it_feeds(place, monkeypatch, kind):
    """Reads from the disk of the files of runs, for one interval a run and for 24."""
    reads = Counter()
    plain = fits_file.read_bytes
    monkeypatch.setattr(fits_file, "read_bytes", lambda path: reads.update([Path(path).name]) or plain(path))
    counted = []
    for length, n_datasets in (("10 min", 3), ("20 s", 72)):
        reads.clear()
        cut = {"general.store": False, "selection.intervals": {"length": length}}
        analysis = Analysis("sim.yaml", {**cut, **kind}).run(until="reduction")
        assert len(analysis.datasets) >= n_datasets
        counted.append({name: number for name, number in reads.items() if "obs_id" in name})
    assert counted[0] == counted[1]
    assert set(counted[0].values()) == {1}
