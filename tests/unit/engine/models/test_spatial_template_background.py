"""Template backgrounds: in models files, their maps, their copies, their mistakes."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from gammapy_hli.base.errors import ConfigError, InputError
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.sky_map import SkyMap
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.models.models_yaml import models_text, parse_models
from gammapy_hli.engine.models.sky_model import Models
from gammapy_hli.engine.models.spectral.power_law import PowerLawSpectralModel
from gammapy_hli.engine.models.template_background import TemplateNPredModel

TEXT = """
components:
-   name: cosmic rays
    type: TemplateNPredModel
    filename: counts.fits
    datasets_names: [stacked]
    spectral:
        type: PowerLawNormSpectralModel
        parameters:
        -   {name: norm, value: 1.2}
        -   {name: tilt, value: 0.1}
"""


def counts_map(unit="", name="energy"):
    geometry = WcsGeometry.create(SkyCoord(83.63, 22.01, unit="deg"), 1 * u.deg, 0.2 * u.deg)
    energy = Axis.from_energy_bounds("1 TeV", "10 TeV", nbin=2, name=name)
    return SkyMap(geometry, (energy,), np.arange(50.0).reshape(2, 5, 5), unit)


def test_template_background_is_read_with_its_file_beside_the_models(tmp_path):
    counts_map().write(tmp_path / "counts.fits")
    model = parse_models(TEXT, tmp_path)["cosmic rays"]
    assert isinstance(model, TemplateNPredModel)
    assert model.datasets_names == ("stacked",)
    assert model.spectral.norm.value == 1.2
    np.testing.assert_array_equal(model.map.data, counts_map().data)


def test_template_background_is_written_as_it_was_read(tmp_path):
    models = parse_models(TEXT, tmp_path)
    assert parse_models(models_text(models)) == models
    assert next(iter(models.parameters)) == "cosmic rays.spectral.tilt"


def test_copies_share_the_map_and_not_the_parameters():
    model = TemplateNPredModel("cosmic rays", map=counts_map())
    copied = Models([model]).copy()["cosmic rays"]
    assert copied.map is model.map
    copied.spectral.norm = 2.0
    assert model.spectral.norm.value == 1.0


def test_template_background_without_a_file_cannot_be_written():
    with pytest.raises(InputError, match=r"'cosmic rays' has no file"):
        models_text(Models([TemplateNPredModel("cosmic rays", map=counts_map())]))


def test_template_background_needs_a_file_or_a_map():
    with pytest.raises(InputError, match=r"'cosmic rays' has neither 'filename' nor map"):
        TemplateNPredModel("cosmic rays")


def test_template_background_with_a_flux_is_told():
    with pytest.raises(InputError, match=r"'cosmic rays': PowerLawSpectralModel is a flux"):
        TemplateNPredModel("cosmic rays", map=counts_map(), spectral=PowerLawSpectralModel())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"no file .*counts.fits"),
        (counts_map(unit="s-1"), r"counts.fits: unit of the map is '1 / s'; expected counts"),
        (counts_map(name="energy_true"), r"counts.fits: axes are \['energy_true'\]; expected one axis 'energy'"),
    ],
    ids=["missing", "unit", "axis"],
)
def test_map_that_is_no_background_is_told(tmp_path, content, message):
    if content is not None:
        content.write(tmp_path / "counts.fits")
    model = TemplateNPredModel("cosmic rays", tmp_path / "counts.fits")
    with pytest.raises(InputError, match=message):
        model.map  # noqa: B018


def test_file_that_is_not_named_is_told_with_its_line():
    with pytest.raises(ConfigError, match=r"3.*a TemplateNPredModel needs 'filename'"):
        parse_models(TEXT.replace("    filename: counts.fits\n", ""))
