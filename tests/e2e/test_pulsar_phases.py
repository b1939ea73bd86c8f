"""Phase-resolved analysis from the command line: from a column, from an ephemeris, mistakes, files."""

import numpy as np
import pytest
from astropy.io import fits

from gammapy_hli.analysis import Analysis

PHASE = """
  background:
    method: phase
    phase: {on: [0.9, 0.1], off: [[0.3, 0.5], [0.6, 0.7]]}
"""


@pytest.fixture
def pulsar(place):
    """The store with a column PHASE, even in [0, 1), and ``sim.yaml`` with the method phase."""
    rng = np.random.default_rng(1)
    for path in sorted((place / "store").glob("**/*.fits*")):
        with fits.open(path) as hdus:
            if "EVENTS" not in hdus:
                continue
            table = hdus["EVENTS"]
            column = fits.Column("PHASE", "E", array=rng.uniform(size=len(table.data)))
            made = fits.BinTableHDU.from_columns(table.columns + fits.ColDefs([column]), header=table.header)
            hdus["EVENTS"].data, hdus["EVENTS"].header = made.data, made.header
            hdus.writeto(path, overwrite=True)
    text = (place / "sim.yaml").read_text()
    (place / "sim.yaml").write_text(text.replace("  safe_mask:", f"{PHASE.strip(chr(10))}\n  safe_mask:"))
    return place


def test_datasets_hold_the_widths_of_the_phases(pulsar, hli):
    outcome = hli("run", "-c", "sim.yaml", "--until", "reduction", "--no-progress")
    assert outcome.code == 0, outcome.err
    datasets = Analysis.read("out").datasets
    assert len(datasets) == 3
    for dataset in datasets:
        np.testing.assert_allclose(dataset.acceptance, 0.2)
        np.testing.assert_allclose(dataset.acceptance_off, 0.3)
        assert dataset.counts.sum() > 0
        assert dataset.counts_off.sum() > 0


def test_an_ephemeris_takes_the_place_of_the_column(pulsar, hli):
    options = ("--reduction.background.phase.ephemeris.epoch", "2024-01-10T00:00:00",
               "--reduction.background.phase.ephemeris.period", "33.6 ms")  # fmt: skip
    outcome = hli("run", "-c", "sim.yaml", "--until", "reduction", "--no-progress", *options)
    assert outcome.code == 0, outcome.err
    assert hli("run", "-c", "out/config.yaml", "--until", "reduction").out.count("up to date") == 2
    valid = ("--reduction.background.phase.ephemeris.valid", "2024-02-01T00:00:00", "2024-03-01T00:00:00")
    late = hli("run", "-c", "sim.yaml", "--until", "reduction", "--no-progress", *options, *valid)
    assert late.code == 3
    assert "outside the ephemeris" in late.err


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--reduction.background.phase.off", "[0.05, 0.5]"], 2, "0.05 to 0.1 are in reduction.background.phase.on"),
        (["--reduction.background.phase.off", "[0.2, 0.2]"], 2, "is no interval of phase"),
        (["--reduction.background.phase.off", "[[0.2, 0.4], [0.3, 0.5]]"], 2, "0.3 to 0.4 stand twice"),
        (["--reduction.background.phase.off", "null"], 2, "intervals of phase are needed"),
        (["--reduction.background.phase.column", "FASE"], 3, "no column 'FASE' with phases"),
        (["--reduction.type", "image", "--reduction.geometry.center", "83.6 deg, 22 deg", "--reduction.geometry.width",
          "2 deg", "2 deg"], 2, "phase does not fit reduction.type"),
    ],
)  # fmt: skip
def test_mistakes_are_told(pulsar, hli, options, code, words):
    outcome = hli("run", "-c", "sim.yaml", "--until", "reduction", "--no-progress", *options)
    assert outcome.code == code, outcome.err
    assert words in outcome.err


def test_an_ephemeris_and_times_of_the_next_years_are_no_warning(place, hli):
    phase = ("--reduction.background.phase", "{on: [0.95, 0.05], off: [0.5, 0.7], ephemeris: {epoch: {mjd: 60310, "
             "scale: tdb}, frequency: 29.6 Hz, valid: [2000-01-01, 2035-01-01]}}")  # fmt: skip
    window = ("--selection.time_start", "2000-01-01", "--selection.time_stop", "2034-01-01")
    method = ("--reduction.background.method", "phase")
    outcome = hli("run", "-c", "sim.yaml", "--until", "reduction", "--no-progress", *method, *phase, *window)
    assert outcome.code == 0, outcome.err
    assert "arning" not in outcome.err
