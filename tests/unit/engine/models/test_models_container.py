"""Parameters, sources and sets of them: units, links, covariance, copies."""

import copy

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.geom.sky_map import SkyMap
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.models.background import FoVBackgroundModel
from gammapy_hli.engine.models.build import make_spectral
from gammapy_hli.engine.models.parameter import Parameter
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.models.spatial import SpatialModel
from gammapy_hli.engine.models.template_background import TemplateNPredModel


@pytest.fixture
def models():
    crab = SkyModel("crab", make_spectral("pl"), SpatialModel("point", lon_0="83.63 deg", lat_0="22.01 deg"))
    other = SkyModel("other", make_spectral("ecpl") * make_spectral("pl-norm"), datasets_names=["a"])
    return Models([crab, other, FoVBackgroundModel("a")])


@pytest.mark.parametrize(
    "value", ["3e-11 cm-2 s-1 TeV-1", 3e-11, 3e-14 * u.Unit("cm-2 s-1 GeV-1"), "3e-7 m-2 s-1 TeV-1"]
)
def test_values_are_converted_to_the_unit_of_the_parameter(value):
    parameter = Parameter("amplitude", value, "TeV-1 s-1 cm-2")
    assert parameter.value == pytest.approx(3e-11)
    assert parameter.quantity.unit == u.Unit("TeV-1 s-1 cm-2")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("3 ph/s", "unit ph/s; expected a unit convertible to TeV"),
        ("3 m", r"unit m \(length\); expected a unit convertible to TeV \(energy\)"),
        ("3", "'3' has no unit; write e.g. '3 TeV'"),
        ("TeV", "does not begin with a finite number"),
        ("3 Tev", "Did you mean"),
        (True, "got True; expected a number"),
        (None, "got None; expected a number"),
        (3 * u.s, "unit s"),
    ],
)
def test_bad_values_are_refused_with_unit_got_and_expected(value, message):
    with pytest.raises(InputError, match=message):
        Parameter("ebreak", value, "TeV")


def test_quantity_can_be_assigned():
    parameter = Parameter("ebreak", 1, "TeV")
    parameter.quantity = 300 * u.GeV
    assert parameter.value == pytest.approx(0.3)
    assert "0.3 TeV" in repr(parameter)
    assert parameter.copy() == parameter == copy.deepcopy(parameter)


def test_qualified_names_follow_components_and_parts(models):
    assert list(models.parameters)[:5] == [
        "crab.spectral.index",
        "crab.spectral.amplitude",
        "crab.spectral.reference",
        "crab.spatial.lon_0",
        "crab.spatial.lat_0",
    ]
    assert "other.spectral.model2.norm" in models.parameters
    assert list(models.parameters)[-3:] == ["a-bkg.spectral.tilt", "a-bkg.spectral.norm", "a-bkg.spectral.reference"]
    assert "crab.spectral.reference" not in models.free
    assert models["crab"] is models[0]
    assert models.names == ("crab", "other", "a-bkg")


def test_linked_parameters_are_one_object_and_stay_so_in_copies(models):
    models.link("other.spectral.model1.index", "crab.spectral.index")
    models.link("a-bkg.spectral.tilt", "crab.spectral.index")
    for linked in (models, models.copy()):
        linked.parameters["crab.spectral.index"].value = 2.7
        assert linked["other"].spectral.model1.index.value == 2.7
        assert linked.links == {
            "other.spectral.model1.index": "crab.spectral.index",
            "a-bkg.spectral.tilt": "crab.spectral.index",
        }
        assert sum("index" in name or "tilt" in name for name in linked.free) == 1
    assert models.copy() == models


def test_link_of_different_units_is_refused(models):
    with pytest.raises(InputError, match=r"has unit TeV-1 s-1 cm-2; it cannot be linked with 'index'"):
        models.link("crab.spectral.amplitude", "crab.spectral.index")
    with pytest.raises(InputError, match=r"Did you mean 'crab.spectral.index'"):
        models.link("crab.spectral.indx", "crab.spectral.index")


def test_covariance_comes_from_errors_until_it_is_set(models):
    models.link("other.spectral.model1.index", "crab.spectral.index")
    models.parameters["crab.spectral.index"].error = 0.2
    names = list(models.parameters)
    place, twin = names.index("crab.spectral.index"), names.index("other.spectral.model1.index")
    assert models.covariance[place, place] == models.covariance[place, twin] == pytest.approx(0.04)
    assert np.count_nonzero(models.covariance) == 4
    matrix = np.zeros((len(names), len(names)))
    matrix[:2, :2] = [[0.09, 0.01], [0.01, 0.16]]
    matrix[twin, twin] = 0.09
    models.covariance = matrix
    assert models["crab"].spectral.index.error == pytest.approx(0.3)
    np.testing.assert_array_equal(models.covariance_of("crab"), matrix[:3, :3])
    with pytest.raises(InputError, match=r"covariance has shape \(2, 2\)"):
        models.covariance = np.eye(2)


def test_subsets_keep_their_block_of_the_covariance(models):
    n = len(models.parameters)
    models.covariance = np.diag(np.arange(1.0, n + 1))
    subset = models.subset(["other", "crab"])
    assert subset.names == ("other", "crab")
    assert subset.covariance[-1, -1] == 5  # crab.spatial.lat_0
    assert models.for_dataset("b").names == ("crab",)
    assert models.for_dataset("a").names == models.names
    assert models[:1].names == ("crab",)


def test_with_values_leaves_the_original_alone(models):
    changed = models.with_values({"crab.spectral.amplitude": "5e-12 cm-2 s-1 TeV-1"})
    assert changed["crab"].spectral.amplitude.value == 5e-12
    assert models["crab"].spectral.amplitude.value == 1e-12
    with pytest.raises(InputError, match=r"Did you mean 'crab.spectral.amplitude'"):
        models.with_values({"crab.spectral.amplitde": 1})


def test_names_of_models_must_differ_and_be_known(models):
    with pytest.raises(InputError, match=r"two models are named 'crab'"):
        Models([models["crab"], models["crab"]])
    with pytest.raises(InputError, match=r"Did you mean 'crab'"):
        models["carb"]


def test_source_with_a_factor_as_spectrum_is_refused():
    with pytest.raises(InputError, match=r"PowerLawNormSpectralModel is a dimensionless factor"):
        SkyModel("crab", make_spectral("pl-norm"))


def test_spatial_models_have_positions_and_check_their_options():
    assert SpatialModel("gauss", lon_0=10, lat_0=5, frame="galactic").position.l.deg == pytest.approx(10)
    assert SpatialModel("const").position is None
    with pytest.raises(InputError, match=r"frame is 'icr'"):
        SpatialModel("point", frame="icr")
    with pytest.raises(InputError, match=r"Did you mean 'sigma'"):
        SpatialModel("gauss", sigm=1)


def test_models_show_themselves(models):
    assert "PowerLawSpectralModel" in repr(models)
    assert "crab" in models._repr_html_()


def test_files_of_templates_are_known_and_read(tmp_path, monkeypatch):
    geometry = WcsGeometry.create(SkyCoord(10, 20, unit="deg"), 1 * u.deg, 0.1 * u.deg)
    SkyMap(geometry, (), np.ones(geometry.shape)).write(tmp_path / "cloud.fits")
    monkeypatch.setenv("TEMPLATES", str(tmp_path))
    cloud = SpatialModel("template", filename="$TEMPLATES/cloud.fits")
    models = Models(
        [
            SkyModel("cloud", make_spectral("pl"), cloud),
            SkyModel("point", make_spectral("pl"), SpatialModel("point")),
            SkyModel("line", make_spectral("pl")),
            TemplateNPredModel("bkg", filename=tmp_path / "gone.fits"),
        ]
    )
    assert models.template_files() == [tmp_path / "cloud.fits", tmp_path / "gone.fits"]
    models.subset(["cloud", "point", "line"]).read_templates()
    with pytest.raises(InputError, match=r"no file .*gone\.fits"):
        models.read_templates()
