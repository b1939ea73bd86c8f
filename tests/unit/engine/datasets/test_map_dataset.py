"""Map datasets in memory: numbers, parts, images, spectra."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from regions import CircleSkyRegion, RectangleSkyRegion

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.datasets.datasets import Datasets
from gammapy_hli.engine.datasets.map import MapDatasetOnOff
from gammapy_hli.engine.datasets.map_masks import nearest_mask, touched_mask

CRAB = SkyCoord(83.633, 22.014, unit="deg")
CIRCLE = CircleSkyRegion(CRAB, 0.25 * u.deg)


def test_arrays_are_read_only_views(make_map):
    counts = np.ones((3, 10, 12), dtype=np.float32)
    dataset = make_map(counts=counts)
    assert np.shares_memory(dataset.counts, counts)
    assert counts.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        dataset.counts[0, 0, 0] = 2


def test_integers_become_float32_and_float64_stays(make_map):
    dataset = make_map(counts=np.ones((3, 10, 12), dtype=int), background=np.ones((3, 10, 12)))
    assert (dataset.counts.dtype, dataset.background.dtype) == (np.float32, np.float64)


@pytest.mark.parametrize("name", ["counts", "background", "mask_safe", "mask_fit", "exposure"])
def test_wrong_shapes_are_named(make_map, name):
    with pytest.raises(ValueError, match=rf"{name} has shape \(3, 7\)"):
        make_map(**{name: np.ones((3, 7)) * (u.Unit("m2 s") if name == "exposure" else 1)})


def test_info_sums_over_the_safe_range(make_map):
    mask = np.zeros((3, 10, 12), dtype=bool)
    mask[1:] = True
    dataset = make_map(counts=np.full(mask.shape, 2.0), background=np.ones(mask.shape), mask_safe=mask)
    info = dataset.info()
    assert (info["n_on"], info["n_on_safe"], info["background"], info["excess"]) == (720, 480, 240, 240)
    assert info["sqrt_ts"] == pytest.approx(np.sqrt(2 * (480 * np.log(2) - 240)))
    assert info["energy_threshold"].to_value("TeV") == pytest.approx(10 ** (1 / 3))


def test_off_counts_give_background_and_alpha(make_map):
    ones = np.ones((3, 10, 12))
    dataset = make_map(
        kind=MapDatasetOnOff, counts_off=8 * ones, acceptance=ones, acceptance_off=4 * ones, mask_safe=None
    )
    assert (dataset.background == 2).all()
    assert (dataset.info()["alpha"], dataset.info()["n_off"]) == (0.25, 8 * 360)


def test_alpha_is_zero_without_off_acceptance(make_map):
    zeros = np.zeros((3, 10, 12))
    assert (make_map(kind=MapDatasetOnOff, acceptance_off=zeros).alpha == 0).all()


def test_no_mask_means_everything(make_map):
    dataset = make_map(mask_safe=None)
    assert dataset.safe.all()
    assert dataset.mask.all()
    fit = np.arange(360).reshape(3, 10, 12) % 2 == 0
    assert (make_map(mask_safe=None, mask_fit=fit).mask == fit).all()


def test_dataset_without_counts_can_be_shown(make_map):
    dataset = make_map(counts=None, background=None, psf=None)
    assert "counts, background, psf, mask_fit" in repr(dataset)


def test_cutout_keeps_pixels_and_trims(make_map):
    dataset = make_map()
    corner = SkyCoord(dataset.geometry.icrs()[0][0, 0], dataset.geometry.icrs()[1][0, 0], unit="rad")
    part = dataset.cutout(corner, 0.5 * u.deg)
    assert part.geometry.shape == (3, 3)
    assert (part.counts == dataset.counts[:, :3, :3]).all()
    assert (part.exposure == dataset.exposure[:, :3, :3]).all()
    assert part.psf.geometry.shape == (2, 2)  # three pixels wide, one beyond the corner


def test_cutout_outside_is_refused(make_map):
    with pytest.raises(ValueError, match="outside of the map"):
        make_map().cutout(SkyCoord(90, 22, unit="deg"), 0.5 * u.deg)


def test_slice_takes_the_bins_between_the_nearest_edges(make_map):
    dataset = make_map()
    part = dataset.slice_energy("2.1 TeV", "4.8 TeV")
    assert part.energy.nbin == 1
    assert (part.counts == dataset.counts[1:2]).all()
    assert (part.edisp.data == dataset.edisp.data[:, 1:2]).all()
    assert dataset.slice_energy().energy.same_as(dataset.energy, rtol=0)


def test_empty_slice_is_refused(make_map):
    with pytest.raises(ValueError, match=r"no energy bin between 2 TeV and 2\.1 TeV"):
        make_map().slice_energy("2 TeV", "2.1 TeV")


def test_image_sums_the_safe_bins(make_map):
    dataset = make_map()
    image = dataset.to_image()
    assert (image.counts[0] == (dataset.counts * dataset.mask_safe).sum(axis=0)).all()
    assert (image.mask_safe[0] == dataset.safe_image).all()
    assert image.exposure.shape == dataset.exposure.shape
    assert image.info()["n_on_safe"] == dataset.info()["n_on_safe"]


def test_image_keeps_the_background_of_off_counts(make_map):
    dataset = make_map(kind=MapDatasetOnOff)
    expected = (dataset.background * dataset.mask_safe).sum(axis=0)
    has_off = (dataset.counts_off * dataset.mask_safe).sum(axis=0) > 0
    np.testing.assert_allclose(dataset.to_image().background[0][has_off], expected[has_off], rtol=1e-5)


def test_image_without_off_counts_keeps_a_ratio_of_acceptances(make_map):
    ones = np.ones((3, 10, 12))
    dataset = make_map(kind=MapDatasetOnOff, counts_off=0 * ones, acceptance=ones, acceptance_off=4 * ones)
    image = dataset.to_image()
    assert image.alpha[image.mask_safe] == pytest.approx(0.25)


def test_edisp_of_an_image_sums_over_energy(make_map):
    dataset = make_map(mask_safe=None)
    np.testing.assert_allclose(dataset.to_image().edisp.data[:, 0], dataset.edisp.data.sum(axis=1), rtol=1e-6)


def test_wider_bins_add_up_to_the_image(make_map, assert_same_maps):
    dataset = make_map()
    wide = dataset.resample_energy([1, 2.15, 10] * u.TeV)
    assert wide.energy.nbin == 2
    assert (wide.counts.sum(axis=0) == dataset.to_image().counts[0]).all()


def test_spectrum_is_the_sum_over_the_pixels_inside(make_map):
    mask = np.zeros((3, 10, 12), dtype=bool)
    mask[1:] = True
    dataset = make_map(mask_safe=mask)
    spectrum = dataset.to_spectrum(CIRCLE)
    inside = dataset.geometry.separation_from(CRAB) < np.deg2rad(0.25)
    assert spectrum.counts.tolist() == (dataset.counts * mask)[:, inside].sum(axis=1).tolist()
    np.testing.assert_allclose(spectrum.exposure, dataset.exposure[:, inside].mean(axis=1), rtol=1e-6)
    assert spectrum.mask_safe.tolist() == [False, True, True]
    np.testing.assert_allclose(spectrum.edisp, dataset.edisp.at(CRAB))


def test_spectrum_of_off_counts_keeps_the_excess(make_map):
    dataset = make_map(kind=MapDatasetOnOff, mask_safe=None)
    spectrum = dataset.to_spectrum(CIRCLE)
    inside = dataset.geometry.separation_from(CRAB) < np.deg2rad(0.25)
    expected = (dataset.counts - dataset.background)[:, inside].sum(axis=1)
    np.testing.assert_allclose(spectrum.excess, expected, rtol=1e-5, atol=1e-4)


def test_containment_correction_is_the_psf_inside_the_circle(make_map):
    dataset = make_map(mask_safe=None)
    corrected, plain = (dataset.to_spectrum(CIRCLE, containment_correction=_) for _ in (True, False))
    edges = dataset.psf.rad.edges_value("rad")
    disks = np.pi * np.clip(np.minimum(edges[1:], np.deg2rad(0.2)) ** 2 - edges[:-1] ** 2, 0, None)
    half_ring = np.pi * (edges[3] ** 2 - edges[2] ** 2) / 2  # linear between the edges
    profile = dataset.psf.at(CRAB)
    expected = profile @ disks + profile[:, 2] * half_ring
    np.testing.assert_allclose(corrected.exposure / plain.exposure, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("region", "changes", "correct", "message"),
    [
        (CircleSkyRegion(CRAB, 2 * u.deg), {}, False, "not as a whole inside"),
        (CircleSkyRegion(SkyCoord(95, 22, unit="deg"), 0.2 * u.deg), {}, False, "no pixel center lies in the region"),
        (CIRCLE, {}, False, "mask changes inside the region"),
        (CIRCLE, {"exposure": None}, False, "has no exposure"),
        (CIRCLE, {"counts": None}, False, "has no counts"),
        (CIRCLE, {"mask_safe": None, "psf": None}, True, "has no psf"),
        (RectangleSkyRegion(CRAB, 0.3 * u.deg, 0.3 * u.deg), {"mask_safe": None}, True, "needs a circle"),
    ],
    ids=["too large", "elsewhere", "mask", "exposure", "counts", "psf", "shape"],
)
def test_spectra_that_cannot_be_made_say_why(make_map, region, changes, correct, message):
    with pytest.raises(ValueError, match=message):
        make_map(**changes).to_spectrum(region, containment_correction=correct)


def test_nearest_mask_takes_the_pixel_and_touched_mask_its_neighbors(make_map):
    dataset = make_map()
    mask = np.zeros((10, 12), dtype=bool)
    mask[4, 6] = True
    target = dataset.geometry.upsample(2)
    nearest, touched = (f(mask, dataset.geometry, target) for f in (nearest_mask, touched_mask))
    assert np.argwhere(nearest).tolist() == [[8, 12], [8, 13], [9, 12], [9, 13]]
    assert touched.sum() == 16  # every center closer than a pixel on both axes
    assert nearest_mask(mask, dataset.geometry, dataset.geometry).tolist() == mask.tolist()
    assert touched_mask(mask, dataset.geometry, dataset.geometry).tolist() == mask.tolist()


def test_masks_outside_are_false_or_continued(make_map):
    geometry = make_map().geometry
    mask = np.ones(geometry.shape, dtype=bool)
    assert nearest_mask(mask, geometry, geometry.pad(2)).sum() == mask.sum()
    assert touched_mask(mask, geometry, geometry.pad(2)).all()


def test_collections_hold_maps_and_spectra(make_map, make_cash):
    datasets = Datasets([make_map("map"), make_cash(name="spectrum")])
    assert datasets.info_table()["n_on_safe"][0] == make_map().info()["n_on_safe"]
    with pytest.raises(InputError, match="stack maps and spectra apart"):
        datasets.stack()
