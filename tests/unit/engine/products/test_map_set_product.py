"""The folder of maps: bitwise round trip, same bytes, mistakes."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import QTable

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.sky_map import SkyMap
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.products.map_set import MapSet


@pytest.fixture
def maps():
    geometry = WcsGeometry.create(SkyCoord(83.63, 22.01, unit="deg"), 1 * u.deg, 0.1 * u.deg)
    energy = Axis.from_energy_bounds("1 TeV", "10 TeV", nbin=2)
    values = np.random.default_rng(0).normal(0, 1, (2, 10, 10))
    values[0, 0, 0] = np.nan
    return MapSet(
        {
            "significance": SkyMap(geometry, (energy,), values),
            "flux": SkyMap(geometry, (energy,), values.astype(np.float32), u.Unit("cm-2 s-1")),
            "exclusion": SkyMap(geometry, (), values[0] > 0),
        },
        {"significance": {"max": 3.25, "min": float("nan")}, "n": 4, "none": None},
    )


def test_round_trip_is_bitwise(maps, tmp_path):
    maps.write(tmp_path)
    back = MapSet.read(tmp_path)
    assert back.names == maps.names
    for name in maps:
        assert back[name].data.tobytes() == maps[name].data.tobytes()
        assert back[name].data.dtype == maps[name].data.dtype
        assert back[name].unit == maps[name].unit
        assert back[name].geometry.same_as(maps[name].geometry)
    assert back.numbers["n"] == 4
    assert back.numbers["none"] is None
    assert back.numbers["significance"]["max"] == 3.25
    assert np.isnan(back.numbers["significance"]["min"])


def test_same_maps_give_the_same_bytes(maps, tmp_path):
    first = [path.read_bytes() for path in maps.write(tmp_path / "a")]
    again = [path.read_bytes() for path in MapSet.read(tmp_path / "a").write(tmp_path / "b")]
    assert first == again


def test_it_is_frozen_and_shows_itself(maps):
    with pytest.raises(TypeError):
        maps.maps["new"] = None
    assert "2 x 10 x 10" in repr(maps)
    with pytest.raises(KeyError, match="Did you mean 'flux'"):
        maps["fluxx"]
    with pytest.raises(ValueError, match="characters other than"):
        MapSet({"a/b": maps["flux"]})


def test_missing_and_damaged_files(maps, tmp_path):
    with pytest.raises(InputError, match=r"maps\.yaml: no such file"):
        MapSet.read(tmp_path)
    maps.write(tmp_path)
    (tmp_path / "flux.fits").unlink()
    with pytest.raises(InputError, match=r"flux\.fits"):
        MapSet.read(tmp_path)
    (tmp_path / "maps.yaml").write_text("maps: 3\n")
    with pytest.raises(InputError, match="expected 'maps', a list"):
        MapSet.read(tmp_path)


@pytest.mark.parametrize("n_peaks", [0, 3])
def test_peaks_come_back_bitwise(maps, tmp_path, n_peaks):
    rng = np.random.default_rng(1)
    table = QTable({"name": np.array([f"peak-{k}" for k in range(n_peaks)], dtype=str)})
    table["ra"], table["sqrt_ts"] = rng.random(n_peaks) * 360 * u.deg, rng.random(n_peaks) * 10
    MapSet(maps.maps, {}, {}, table).write(tmp_path)
    again = MapSet.read(tmp_path).peaks
    assert again.colnames == table.colnames
    assert len(again) == n_peaks
    assert again["ra"].to_value("deg").tobytes() == table["ra"].to_value("deg").tobytes()
    assert again["sqrt_ts"].tolist() == table["sqrt_ts"].tolist()


def test_a_damaged_table_of_peaks_is_told(maps, tmp_path):
    MapSet(maps.maps, {}, {}, QTable({"ra": [1.0]})).write(tmp_path)
    (tmp_path / "peaks.ecsv").write_text("# %ECSV 1.0\nnonsense")
    with pytest.raises(InputError, match=r"peaks\.ecsv: cannot be read"):
        MapSet.read(tmp_path)
