"""Pages of image and map analyses, with and without fits and maps, stacked or not, and mixed with spectra."""

import re
from dataclasses import replace
from types import SimpleNamespace

import astropy.units as u
import numpy as np
import pytest
from astropy.table import QTable

from gammapy_hli.analysis import Analysis
from gammapy_hli.engine.datasets.datasets import Datasets
from gammapy_hli.engine.estimate.excess_map import estimate_excess_maps
from gammapy_hli.engine.estimate.residual_map import estimate_residual_maps
from gammapy_hli.engine.fit.fit import fit
from gammapy_hli.engine.geom.mask import ExclusionMask
from gammapy_hli.engine.geom.sky_map import SkyMap
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.models.spatial import SpatialModel
from gammapy_hli.engine.predict.map_total import predict_map
from gammapy_hli.engine.products.map_set import MapSet
from gammapy_hli.engine.products.reduction import Reduction
from gammapy_hli.report.compose import make_report
from gammapy_hli.report.map_view import source_outline
from gammapy_hli.report.material import Material

RADIUS = 0.15 * u.deg
CRAB = {
    "spectral": {"type": "pl", "amplitude": "3e-11 cm-2 s-1 TeV-1", "index": 2.4, "reference": "1 TeV"},
    "spatial": {"type": "point", "lon_0": "83.633 deg", "lat_0": "22.0145 deg"},
}


def map_config(store, **reduction):
    return {
        "general": {"store": False},
        "steps": ["selection", "reduction", "model", "fit"],
        "selection": {"datastore": str(store), "obs_ids": [1, 2]},
        "reduction": {
            "type": "map",
            "geometry": {"center": "83.633 deg, 22.0145 deg", "width": ["1.5 deg", "1.2 deg"], "pixel": "0.05 deg"},
            "energy": {"min": "0.5 TeV", "max": "10 TeV", "nbins": 4},
            "energy_true": {"min": "0.3 TeV", "max": "15 TeV", "nbins": 8},
            "background": {"method": "irf"},
            **reduction,
        },
        "model": {"sources": {"crab": CRAB}, "background": {"norm": 1}},
    }


def exclusion(geometry, **facts):
    mask = ExclusionMask.from_regions_on("icrs;circle(83.633,22.0145,0.3)", geometry)
    return SkyMap(geometry, (), mask.data, meta=facts)


def products_of(config):
    analysis = Analysis(config).run()
    names = config["steps"]
    return SimpleNamespace(
        observations=analysis.observations,
        reduction=analysis.product_of("reduction"),
        models=analysis.models if "model" in names else None,
        fit=analysis.fit_result if "fit" in names else None,
    )


@pytest.fixture(scope="session")
def stacked(small_store):
    return products_of(map_config(small_store))


@pytest.fixture(scope="session")
def maps(stacked):
    (dataset,) = stacked.reduction
    npred = predict_map(dataset, stacked.fit.models).npred
    found = {**estimate_excess_maps(dataset, RADIUS), **estimate_residual_maps(dataset, npred, RADIUS)}
    return MapSet(found, {})


@pytest.fixture
def whole(stacked, maps):
    (dataset,) = stacked.reduction
    reduction = replace(stacked.reduction, exclusion=exclusion(dataset.geometry))
    return Material(
        observations={"selection": stacked.observations},
        reductions={"reduction": reduction},
        models={"model": stacked.models},
        fit_results={"fit": stacked.fit},
        maps={"maps": maps},
        radii={"maps": RADIUS},
    )


def page_text(material):
    html = make_report(material).html
    return re.sub(r"\s+", " ", re.sub(r"<svg.*?</svg>|<style>.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL))


def test_the_page_tells_how_the_excluded_sky_was_found(whole):
    reduction = whole.reductions["reduction"]
    facts = {"rounds": 3, "is_stable": True, "excluded_pixels": [0, 40, 113, 113]}
    found = replace(reduction.exclusion, meta=facts)
    text = page_text(replace(whole, reductions={"reduction": replace(reduction, exclusion=found)}))
    assert "found from significance in 3 rounds: 0 pixels before, 113 after." in text
    found = replace(found, meta={**facts, "is_stable": False, "left_fraction": 0.3})
    text = page_text(replace(whole, reductions={"reduction": replace(reduction, exclusion=found)}))
    assert "30 % of the sky that was seen is left for the background; the last round still found new ones" in text


def test_whole_page(whole):
    text = page_text(whole)
    for words in (
        "Sky map and spectrum of crab",
        "peak significance",
        "Excess, contours of significance",
        "Residual, counts against the fitted model",
        "Exposure at",
        "off the exclusion",
        "through crab, along longitude and latitude",
        "of crab the counts follow the model in energy",
        "the background norm stacked-bkg is",
        "PointSpatialModel",
    ):
        assert words in text, words


def test_sections_of_spectra_are_left_out(whole):
    html = make_report(whole).html
    assert 'id="sky"' not in html
    assert "off regions" not in html
    assert "N off" not in html


def test_page_is_small_sound_and_equal_each_time(whole):
    html = make_report(whole).html
    assert html == make_report(whole).html
    assert len(html.encode()) < 2.5e6
    ids = re.findall(r' id="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert not re.search(r'(?:href|src)="(?!#|data:)', html)


def test_reduction_alone_shows_counts_excess_and_exposure(stacked):
    text = page_text(Material(reductions={"reduction": stacked.reduction}))
    assert "Counts (" in text
    assert "Excess (" in text
    assert "Significances come with the maps step" in text
    assert "Sky map around RA 83.63°, Dec 22.01°" in text


def test_maps_without_a_model_are_looked_at_where_they_are_highest(stacked, maps):
    material = Material(reductions={"reduction": stacked.reduction}, maps={"maps": maps}, radii={"maps": RADIUS})
    text = page_text(material)
    assert "through the pixel of the highest significance" in text
    assert "no sky is excluded" in text


def test_maps_alone(maps):
    text = page_text(Material(maps={"maps": maps}))
    assert "Significance, contours at" in text
    assert "Sky map" in text


def test_failed_fit_leaves_its_predictions_out(whole, stacked):
    failed = replace(stacked.fit, success=False, status="not converged", message="No.")
    text = page_text(replace(whole, fit_results={"fit": failed}))
    assert "the values cannot be used (not converged)" in text
    assert "Blue: background and sources" not in text


def test_several_datasets_are_added_up(small_store, stacked):
    apart = products_of(map_config(small_store, stack=False))
    material = Material(reductions={"reduction": apart.reduction}, fit_results={"fit": apart.fit})
    (view,) = material.map_views
    (total,) = stacked.reduction
    assert np.array_equal(view.counts, np.where(total.safe, total.counts, 0))
    (prediction,) = view.predictions
    assert prediction.npred.sum() == pytest.approx(view.counts.sum(), rel=0.02)
    assert "2 runs of" in page_text(material)


def test_fit_of_the_sum_is_found(small_store, stacked):
    apart = products_of({**map_config(small_store, stack=False), "steps": ["selection", "reduction"]})
    result = fit(apart.reduction, stacked.models, stack=True)
    material = Material(reductions={"reduction": apart.reduction}, fit_results={"fit": result})
    (prediction,) = material.map_views[0].predictions
    assert prediction.npred.sum() == pytest.approx(prediction.counts.sum(), rel=0.02)


def test_energies_that_the_fit_left_out_are_not_used(stacked):
    (dataset,) = stacked.reduction
    result = fit([dataset], stacked.models, energy_range=(dataset.energy.edges[1], None))
    material = Material(reductions={"reduction": stacked.reduction}, fit_results={"fit": result})
    (prediction,) = material.map_views[0].predictions
    assert not prediction.used[0].any()
    assert "counts" in page_text(material)


def test_image_of_a_ring(small_store):
    ring = {"method": "ring", "ring": {"inner_radius": "0.3 deg", "width": "0.2 deg"}}
    made = products_of({**map_config(small_store, type="image", background=ring), "steps": ["selection", "reduction"]})
    found = MapSet(estimate_excess_maps(made.reduction.datasets[0], RADIUS, correlate_off=False), {})
    text = page_text(Material(reductions={"reduction": made.reduction}, maps={"maps": found}))
    assert "Image analysis" in text
    assert "in a ring around every pixel" in text
    assert "The ring of a pixel holds" in text


def test_bands_have_a_figure_each(stacked):
    (dataset,) = stacked.reduction
    found = MapSet(estimate_excess_maps(dataset, RADIUS, energy_edges=[0.5, 2, 10] * u.TeV), {})
    html = make_report(Material(reductions={"reduction": stacked.reduction}, maps={"maps": found})).html
    assert html.count("<figcaption>Significance,") == 2


def test_maps_and_spectra_together(products, stacked):
    spectra = [replace(dataset, name=f"spec-{dataset.name}") for dataset in products.reduction]
    result = fit([*spectra, *stacked.reduction], stacked.models)
    material = Material(
        reductions={
            "reduction@spec": Reduction(Datasets(spectra), products.reduction.info),
            "reduction@maps": stacked.reduction,
        },
        fit_results={"fit": result},
        links={"fit": {"datasets": ("reduction@spec", "reduction@maps")}},
    )
    text = page_text(material)
    for words in ("Analysis of maps and spectra", "2 runs of", "On region", "of crab the counts", "spec-1"):
        assert words in text, words


def test_significance_that_leaves_the_normal_is_told(whole, maps):
    wrong = {**maps.maps, "significance": maps["significance"].with_data(maps["significance"].data + 2.0)}
    text = page_text(replace(whole, maps={"maps": MapSet(wrong, {})}))
    assert "the background does not describe that sky" in text


def test_weak_map_is_a_warning(whole, maps):
    weak = {**maps.maps, "significance": maps["significance"].with_data(np.clip(maps["significance"].data, -3, 3))}
    text = page_text(replace(whole, maps={"maps": MapSet(weak, {})}))
    assert "below 5 σ nothing is detected" in text


def test_outline_of_a_source_has_its_size(stacked):
    (dataset,) = stacked.reduction
    spatial = SpatialModel("gauss", lon_0="83.633 deg", lat_0="22.0145 deg", sigma="0.2 deg", e=0.8, phi="90 deg")
    model = SkyModel("big", stacked.models["crab"].spectral, spatial)
    outline = source_outline(model, dataset.geometry)
    half = 0.5 * (outline.max(axis=0) - outline.min(axis=0)) * 0.05
    assert half[0] == pytest.approx(0.2, rel=0.02)  # the long axis lies along longitude
    assert half[1] == pytest.approx(0.2 * 0.6, rel=0.02)
    assert source_outline(stacked.models["crab"], dataset.geometry) is None


def test_source_off_the_map_is_not_drawn(stacked):
    far = SpatialModel("point", lon_0="90 deg", lat_0="0 deg")
    models = Models([SkyModel("far", stacked.models["crab"].spectral, far)])
    material = Material(reductions={"reduction": stacked.reduction}, models={"model": models})
    assert material.map_views[0].sources == ()
    assert "Sky map" in page_text(material)


def test_the_distribution_off_the_exclusion_is_that_of_its_own_map(whole, maps):
    off = np.full(maps["significance"].data.shape, np.nan)
    off[..., :5, :] = 0.7
    layers = MapSet({**maps.maps, "significance_off": maps["significance"].with_data(off)}, {})
    text = page_text(replace(whole, maps={"maps": layers}))
    assert "Mean 0.70 and width 0.00 off the exclusion." in text


def test_peaks_are_listed_with_the_nearest_source(whole, maps):
    ones = {name: [1.0] * u.Unit(unit) for name, unit in (("position_err", "deg"), ("e_min", "TeV"), ("e_max", "TeV"))}
    place = {"ra": [83.64] * u.deg, "dec": [22.0145] * u.deg}
    found = MapSet(maps.maps, {}, {}, QTable({"name": ["peak-1"], **place, "sqrt_ts": [12.34], **ones}))
    text = page_text(replace(whole, maps={"maps": found}))
    assert "1 peak of the significance" in text
    assert "peak-1 83.6400 22.0145 1.0000 12.3 1 1 crab, 0.0" in text
