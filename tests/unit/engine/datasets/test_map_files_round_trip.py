"""Files of map datasets: what is written is read back, what is broken is told."""

import gzip
import io

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.datasets.datasets_yaml import read_dataset, read_datasets, write_datasets
from gammapy_hli.engine.datasets.map import MapDataset, MapDatasetOnOff
from gammapy_hli.engine.datasets.map_files import read_map_dataset, write_map_dataset
from gammapy_hli.engine.datasets.own_table import OWN_TABLE
from gammapy_hli.engine.geom.axes import Axis

KINDS = pytest.mark.parametrize("kind", [MapDataset, MapDatasetOnOff], ids=["cash", "wstat"])
SHAPE = (3, 10, 12)
numbers = st.floats(width=32, allow_nan=False, allow_infinity=False)
no_fixture_reset = settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def edit(make_map, tmp_path):
    """A written dataset after a change of its HDUs."""

    def change(function, **changes):
        path = write_map_dataset(make_map(**changes), tmp_path / "edited.fits")
        with fits.open(path, memmap=False) as hdus:
            function(hdus)
            del hdus[0].header["HLI_NHDU"]
            content = io.BytesIO()
            hdus.writeto(content)
        path.write_bytes(content.getvalue())
        return path

    return change


def without(*names):
    def change(hdus):
        for name in names:
            del hdus[name]

    return change


@KINDS
@pytest.mark.parametrize("suffix", [".fits", ".fits.gz"])
def test_everything_is_read_back(make_map, assert_same_maps, tmp_path, kind, suffix):
    first = make_map(kind=kind, name="run 1/2", mask_fit=np.arange(360).reshape(SHAPE) % 3 == 0)
    again = read_map_dataset(write_map_dataset(first, tmp_path / f"x{suffix}"))
    assert_same_maps(again, first)
    assert (again.name, again.livetime, again.meta) == (first.name, first.livetime, first.meta)
    assert (again.gti.start == first.gti.start).all()
    assert (again.gti.stop == first.gti.stop).all()
    for axis in ("energy", "energy_true"):
        assert getattr(again, axis).same_as(getattr(first, axis), rtol=0)
    assert again.psf.rad.same_as(first.psf.rad, rtol=0)
    assert again.geometry.crpix == first.geometry.crpix
    assert again.geometry.crval == first.geometry.crval


@no_fixture_reset
@given(
    counts=arrays(np.float32, SHAPE, elements=numbers),
    background=arrays(np.float64, SHAPE, elements=st.floats(allow_nan=True)),
    mask=arrays(bool, SHAPE),
    livetime=st.floats(0, 1e9),
)
def test_any_numbers_are_read_back(make_map, tmp_path, counts, background, mask, livetime):
    first = make_map(
        counts=counts, background=background, mask_safe=mask, livetime=livetime * u.s, psf=None, edisp=None
    )
    again = read_map_dataset(write_map_dataset(first, tmp_path / "x.fits"))
    assert again.counts.tobytes() == first.counts.tobytes()
    np.testing.assert_array_equal(again.background, first.background)
    assert (again.mask_safe == first.mask_safe).all()
    assert again.livetime == first.livetime


@no_fixture_reset
@given(missing=st.sets(st.sampled_from(["counts", "exposure", "background", "psf", "edisp", "mask_safe", "gti"])))
def test_any_part_may_be_missing(make_map, assert_same_maps, tmp_path, missing):
    first = make_map(**dict.fromkeys(missing))
    if {"counts", "exposure", "background", "mask_safe"} <= missing:
        return
    again = read_map_dataset(write_map_dataset(first, tmp_path / "x.fits"))
    assert_same_maps(again, first)
    assert again.energy.same_as(first.energy, rtol=0)
    assert again.energy_true.same_as(first.energy_true, rtol=0)


def test_same_dataset_gives_same_bytes(make_map, tmp_path):
    one, two = (write_map_dataset(make_map(), tmp_path / name).read_bytes() for name in ("a.fits", "b.fits"))
    assert one == two
    packed = [write_map_dataset(make_map(), tmp_path / name).read_bytes() for name in ("a.fits.gz", "b.fits.gz")]
    assert packed[0] == packed[1]
    assert gzip.decompress(packed[0]) == one


def test_masks_take_a_byte_and_integers_are_read_too(edit, make_map, tmp_path):
    with fits.open(write_map_dataset(make_map(), tmp_path / "x.fits")) as hdus:
        assert hdus["MASK_SAFE"].header["BITPIX"] == 8

    def widen(hdus):
        hdus["MASK_SAFE"].data = hdus["MASK_SAFE"].data.astype(np.int64)
        del hdus["MASK_SAFE"].header["HLI_BOOL"]

    assert (read_map_dataset(edit(widen)).mask_safe == make_map().mask_safe).all()


def test_hdus_in_any_order_with_others_of_the_user(make_map, assert_same_maps, tmp_path):
    path = write_map_dataset(make_map(), tmp_path / "x.fits")
    with fits.open(path) as hdus:
        first, *others = list(hdus)
        more = fits.HDUList([first, *others[::-1], fits.ImageHDU(np.zeros(3), name="MINE")])
        more.writeto(tmp_path / "y.fits")
    assert_same_maps(read_map_dataset(tmp_path / "y.fits"), make_map())


def test_livetime_and_meta_are_found_without_our_table(edit, make_map):
    dataset = read_map_dataset(edit(without(OWN_TABLE)))
    assert dataset.livetime == make_map().livetime
    assert dataset.meta == make_map().meta
    assert dataset.name == "1"


def test_ontime_stands_in_for_an_unknown_livetime(edit, make_map):
    def forget(hdus):
        del hdus[OWN_TABLE]
        hdus["EXPOSURE"].header["META"] = "{}"

    assert read_map_dataset(edit(forget)).livetime == make_map().gti.ontime


def test_unknown_livetime_is_nan(edit):
    def forget(hdus):
        del hdus[OWN_TABLE], hdus["GTI"]
        hdus["EXPOSURE"].header["META"] = "no json"

    assert np.isnan(read_map_dataset(edit(forget)).livetime)


def test_exposure_in_cm2_is_converted(edit, make_map):
    def convert(hdus):
        hdus["EXPOSURE"].header["BUNIT"] = "cm2 s"
        hdus["EXPOSURE"].data = hdus["EXPOSURE"].data * np.float32(1e4)

    np.testing.assert_allclose(read_map_dataset(edit(convert)).exposure, make_map().exposure, rtol=1e-6)


def test_true_energies_are_taken_from_responses_without_exposure(edit, make_map):
    dataset = read_map_dataset(edit(without("EXPOSURE", "EXPOSURE_BANDS", OWN_TABLE)))
    assert dataset.energy_true.same_as(make_map().energy_true, rtol=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("COUNTS_BANDS"), r"HDU COUNTS: .*COUNTS_BANDS"),
        (lambda h: h["EXPOSURE"].header.set("BUNIT", "TeV"), "HDU EXPOSURE: unit 'TeV' does not convert to 'm2 s'"),
        (lambda h: h["EXPOSURE"].header.set("BUNIT", "wombat"), "HDU EXPOSURE: .*wombat"),
        (lambda h: h["EXPOSURE"].header.set("META", '{"livetime": "3 m"}'), "livetime in META is '3 m'"),
        (lambda h: h["BACKGROUND"].header.set("CRPIX1", 3.0), "HDU BACKGROUND: its pixels .* not those of COUNTS"),
        (lambda h: h["PSF_EXPOSURE"].header.set("CRPIX1", 3.0), "HDU PSF_EXPOSURE: its shape"),
        (lambda h: h["COUNTS"].header.set("CTYPE1", "FREQ"), "HDU COUNTS"),
        (
            lambda h: [h[name].header.set("EXTNAME", "COUNTS") for name in ("EXPOSURE",) if h.pop(1)],
            r"HDU COUNTS: its axes are \(energy_true\), expected \(energy\)",
        ),
        (
            without("COUNTS", "EXPOSURE", "BACKGROUND", "MASK_SAFE", "COUNTS_BANDS", "EXPOSURE_BANDS"),
            "none of COUNTS, EXPOSURE, BACKGROUND, MASK_SAFE is there",
        ),
    ],
    ids=["bands", "unit", "no unit", "livetime", "pixels", "irf pixels", "wcs", "axes", "nothing"],
)
def test_maps_that_do_not_fit_are_named(edit, change, message):
    def broken(hdus):
        change(hdus)
        if OWN_TABLE in hdus:
            del hdus[OWN_TABLE]

    with pytest.raises(InputError, match=message) as caught:
        read_map_dataset(edit(broken))
    assert str(caught.value).count("edited.fits") == 1


def test_other_energies_in_one_file_are_named(edit, make_map):
    other = Axis.from_energy_bounds("2 TeV", "20 TeV", nbin=3)

    def swap(hdus):
        hdus["BACKGROUND_BANDS"].data["E_MIN"], hdus["BACKGROUND_BANDS"].data["E_MAX"] = (
            other.edges.value[:-1],
            other.edges.value[1:],
        )

    with pytest.raises(InputError, match="HDU BACKGROUND: its energy axis has 3 bins from 2 TeV"):
        read_map_dataset(edit(swap))


@pytest.mark.parametrize("fraction", [0.0, 0.001, 0.3, 0.6, 0.97])
def test_truncated_files_are_told(make_map, tmp_path, fraction):
    path = write_map_dataset(make_map(), tmp_path / "x.fits")
    content = path.read_bytes()
    path.write_bytes(content[: int(fraction * len(content))])
    with pytest.raises(InputError, match=r"x\.fits"):
        read_map_dataset(path)


def test_file_cut_between_hdus_is_told(make_map, tmp_path):
    path = write_map_dataset(make_map(), tmp_path / "x.fits")
    with fits.open(path, memmap=False) as hdus:
        hdus[:-3].writeto(tmp_path / "y.fits")
    with pytest.raises(InputError, match=r"y\.fits.*truncated: 17 of its 20 HDUs"):
        read_map_dataset(tmp_path / "y.fits")


def test_missing_file_and_spectrum_are_told(make_cash, tmp_path):
    with pytest.raises(InputError, match=r"gone\.fits: no such file"):
        read_map_dataset(tmp_path / "gone.fits")
    write_datasets([make_cash(name="s")], tmp_path)
    with pytest.raises(InputError, match=r"HDU COUNTS: a table, not an image\. Is it a spectrum"):
        read_map_dataset(tmp_path / "pha_obss.fits")


def test_failed_write_leaves_the_old_file(make_map, tmp_path):
    path = write_map_dataset(make_map(), tmp_path / "x.fits")
    content = path.read_bytes()
    with pytest.raises(ValueError, match="holds no map"):
        write_map_dataset(
            make_map(**dict.fromkeys(["counts", "background", "exposure", "psf", "edisp", "mask_safe"])), path
        )
    assert path.read_bytes() == content
    assert [_.name for _ in tmp_path.iterdir()] == ["x.fits"]


def test_folder_holds_maps_and_spectra(make_map, make_cash, assert_same_maps, tmp_path):
    path = write_datasets([make_map("run-1"), make_cash(name="2"), make_map("ring", kind=MapDatasetOnOff)], tmp_path)
    assert sorted(_.name for _ in tmp_path.iterdir()) == ["datasets.yaml", "pha_obs2.fits", "ring.fits", "run-1.fits"]
    datasets = read_datasets(path)
    assert [type(_).__name__ for _ in datasets] == ["MapDataset", "SpectrumDataset", "MapDatasetOnOff"]
    assert_same_maps(datasets["run-1"], make_map("run-1"))
    assert_same_maps(read_dataset(tmp_path / "ring.fits"), datasets["ring"])
