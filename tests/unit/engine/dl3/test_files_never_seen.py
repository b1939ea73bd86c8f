"""A run of an instrument never seen: each column of a simulated file is renamed or put in another unit.

The run is then read as before, or the message names file, HDU and column.
"""

from io import BytesIO

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits

from gammapy_hli.engine.dl3.store import DataStore
from gammapy_hli.engine.models.models_yaml import parse_short
from gammapy_hli.engine.simulate.plan import SimulationPlan
from gammapy_hli.engine.simulate.store import simulate_store

HDUS = {
    "EVENTS": ("TIME", "RA", "DEC", "ENERGY"),
    "GTI": ("START", "STOP"),
    "AEFF": ("ENERG_LO", "EFFAREA"),
    "BKG": ("DETX_LO", "BKG"),
}
CASES = [(hdu, column) for hdu, columns in HDUS.items() for column in columns]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Folder of a store with one short run, and its file."""
    folder = tmp_path_factory.mktemp("never-seen") / "store"
    models = parse_short({"crab": {"spectral": {"type": "pl", "amplitude": "3e-11 cm-2 s-1 TeV-1"}}})
    simulate_store(folder, SimulationPlan(models=models, n_runs=1, livetime=2 * u.min))
    (file,) = DataStore.open(folder).files(1)
    return folder, file, file.read_bytes()


@pytest.fixture
def change(written):
    """Rewrites the file of the run with an HDU changed; it is put back afterwards."""
    folder, file, content = written

    def apply(hdu, edit):
        stream = BytesIO()  # not zipped, whatever its name
        with fits.open(file) as hdus:
            edit(hdus[hdu])
            hdus.writeto(stream)
        file.write_bytes(stream.getvalue())
        return DataStore.open(folder).check_files([1])

    yield apply
    file.write_bytes(content)


def test_the_run_is_whole_as_it_was_written(change):
    assert change("EVENTS", lambda table: None) == {}


@pytest.mark.parametrize(("hdu", "column"), CASES)
def test_a_renamed_column_is_told_with_file_and_hdu(change, written, hdu, column):
    found = change(hdu, lambda table: table.columns.change_name(column, f"X_{column}"))
    for word in (written[1].name, hdu, column.removesuffix("_LO")):
        assert word in found[1]


@pytest.mark.parametrize(("hdu", "column"), CASES)
def test_a_unit_that_does_not_fit_is_told_with_its_column(change, written, hdu, column):
    unit = "kg" if len(column) % 2 else "bananas"
    found = change(hdu, lambda table: table.columns.change_unit(column, unit))
    for word in (written[1].name, hdu, column, unit):
        assert word in found[1]


@pytest.mark.parametrize(
    ("hdu", "key"), [("EVENTS", "MJDREFI"), ("EVENTS", "RA_PNT"), ("GTI", "EXTNAME"), ("EVENTS", "EXTNAME")]
)
def test_what_the_header_lacks_is_told_where_it_is_needed(change, written, hdu, key):
    def edit(table):
        if key == "EXTNAME":
            table.name = "SOMETHING"
        else:
            del table.header[key]

    found = change(hdu, edit)
    if key == "RA_PNT":  # the files are sound; the pointing is looked at when it is used
        observation = DataStore.open(written[0]).observation(1)
        with pytest.raises(Exception, match=f"keyword {key} is None, expected a number") as caught:
            _ = observation.pointing
        assert written[1].name in str(caught.value)
    else:
        assert written[1].name in found[1]
        assert (hdu if key == "EXTNAME" else key) in found[1]


def test_energies_in_another_unit_are_the_same_energies(change, written):
    before = DataStore.open(written[0]).observation(1).events.energy.copy()

    def edit(table):
        table.data["ENERGY"] *= 1000
        table.columns.change_unit("ENERGY", "GeV")

    assert change("EVENTS", edit) == {}
    np.testing.assert_allclose(DataStore.open(written[0]).observation(1).events.energy, before, rtol=1e-6)
