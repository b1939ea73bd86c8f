"""Flux maps: conversions by closed forms, bitwise files, mistakes."""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.dl3.gti import Gti
from gammapy_hli.engine.estimate.flux_map_set import flux_maps_of_excess, flux_maps_of_ts
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.sky_map import SkyMap
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.models.build import make_spectral
from gammapy_hli.engine.models.sky_model import SkyModel
from gammapy_hli.engine.models.spatial import SpatialModel
from gammapy_hli.engine.products.flux_maps import FluxMaps
from gammapy_hli.engine.products.map_set import MapSet

GEOMETRY = WcsGeometry.create(SkyCoord(83.63, 22.01, unit="deg"), 1 * u.deg, 0.1 * u.deg)
ENERGY = Axis.from_edges([1, 4, 16] * u.TeV, name="energy")
REFERENCE = SkyModel("point", make_spectral("pl", index=2), SpatialModel("point"))  # 1e-12 cm-2 s-1 TeV-1 at 1 TeV
RNG = np.random.default_rng(5)


def sky(values=None, unit=""):
    return SkyMap(GEOMETRY, (ENERGY,), RNG.normal(1, 0.3, (2, 10, 10)) if values is None else values, u.Unit(unit))


@pytest.fixture
def flux_maps():
    norm = RNG.normal(1, 0.3, (2, 10, 10))
    norm[0, 0, 0] = np.nan
    maps = {"norm": sky(norm), "norm_err": sky(), "norm_ul": sky(), "sqrt_ts": sky(), "counts": sky()}
    return FluxMaps(maps, REFERENCE, Gti(np.array([0.0, 50.0]), np.array([20.0, 90.0])))


@pytest.mark.parametrize(
    ("name", "factors"),
    [
        ("flux", [1 - 1 / 4, 1 / 4 - 1 / 16]),  # integral of E^-2
        ("eflux", [np.log(4), np.log(4)]),
        ("dnde", [1 / 4, 1 / 64]),  # at 2 and 8 TeV
        ("e2dnde", [1, 1]),
    ],
)
@pytest.mark.parametrize("suffix", ["", "_err", "_ul"])
def test_norms_in_other_units_are_closed_forms(flux_maps, name, factors, suffix):
    found, norm = flux_maps[name + suffix], flux_maps["norm" + suffix]
    np.testing.assert_allclose(found.data, norm.data * 1e-12 * np.reshape(factors, (2, 1, 1)), rtol=1e-12)
    assert found.unit.is_equivalent({"flux": "cm-2 s-1", "dnde": "cm-2 s-1 TeV-1"}.get(name, "TeV cm-2 s-1"))


def test_file_comes_back_bitwise(flux_maps, tmp_path):
    paths = flux_maps.write(tmp_path / "flux.fits")
    assert [path.name for path in paths] == ["flux.fits", "flux_model.yaml"]
    again = FluxMaps.read(tmp_path / "flux.fits")
    assert tuple(again.maps) == tuple(flux_maps.maps)
    for name, one in flux_maps.maps.items():
        assert again.maps[name].data.tobytes() == one.data.tobytes()
        assert again.maps[name].axes[0].same_as(ENERGY)
    assert again.reference == REFERENCE
    assert again.gti.start.tolist() == [0.0, 50.0]
    assert fits.getheader(tmp_path / "flux.fits")["SED_TYPE"] == "likelihood"


def test_same_maps_give_the_same_bytes(flux_maps, tmp_path):
    flux_maps.write(tmp_path / "a.fits")
    first = (tmp_path / "a.fits").read_bytes()
    flux_maps.write(tmp_path / "a.fits")
    assert (tmp_path / "a.fits").read_bytes() == first


def test_a_folder_of_maps_holds_flux_maps(flux_maps, tmp_path):
    MapSet({"counts": flux_maps["counts"]}, {}, {"ts": flux_maps}).write(tmp_path)
    again = MapSet.read(tmp_path)
    assert again.names == ("counts",)
    assert again.flux_maps["ts"]["norm"].data.tobytes() == flux_maps["norm"].data.tobytes()


def test_estimates_become_norms_of_the_reference():
    flux, error = np.full((2, 10, 10), 3e-12), np.full((2, 10, 10), 3e-13)
    names = ("ts", "sqrt_ts", "npred_excess", "niter", "counts", "background", "excess", "significance")
    maps = {"flux": sky(flux, "cm-2 s-1"), "flux_err": sky(error, "cm-2 s-1"), **{name: sky() for name in names}}
    for found in (flux_maps_of_ts(maps, REFERENCE), flux_maps_of_excess(maps, REFERENCE)):
        np.testing.assert_allclose(found["norm"].data[:, 0, 0], [3 / 0.75, 3 / 0.1875])
        np.testing.assert_allclose(found["flux_err"].data, error)
    np.testing.assert_array_equal(found["ts"].data, maps["significance"].data ** 2)


def test_wrong_maps_are_refused(flux_maps):
    with pytest.raises(ValueError, match=r"no 'nrom'\. Did you mean 'norm'"):
        FluxMaps({"nrom": sky()}, REFERENCE)
    with pytest.raises(ValueError, match="need a map 'norm'; got ts"):
        FluxMaps({"ts": sky()}, REFERENCE)
    other = replace(sky(), axes=(Axis.from_edges([1, 2, 16] * u.TeV, name="energy"),))
    with pytest.raises(ValueError, match="ts has not the pixels and bands of norm"):
        FluxMaps({"norm": sky(), "ts": other}, REFERENCE)
    with pytest.raises(KeyError, match="no map 'flux_errp'"):
        flux_maps["flux_errp"]


def change_header(path, **cards):
    with fits.open(path, mode="update") as hdus:
        for name, value in cards.items():
            if value is None:
                del hdus[0].header[name]
            else:
                hdus[0].header[name] = value


@pytest.mark.parametrize(
    ("cards", "words"),
    [
        ({"SED_TYPE": "dnde"}, "SED_TYPE is 'dnde'; expected 'likelihood'"),
        ({"MODEL": None}, "no MODEL in the primary header"),
        ({"MODEL": "gone.yaml"}, "gone.yaml"),
    ],
    ids=["sed type", "no model", "model is gone"],
)
def test_files_that_cannot_be_used_say_why(flux_maps, tmp_path, cards, words):
    flux_maps.write(tmp_path / "flux.fits")
    change_header(tmp_path / "flux.fits", **cards)
    with pytest.raises(InputError, match=words):
        FluxMaps.read(tmp_path / "flux.fits")


def test_summary_tells_bands_and_reference(flux_maps):
    assert flux_maps.summary()["bands"] == "2, 1 TeV to 16 TeV"
    assert flux_maps.summary()["reference"] == "PowerLawSpectralModel"
