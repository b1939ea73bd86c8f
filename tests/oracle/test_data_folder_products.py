"""The light curve of the flare of PKS 2155-304 in gammapy's own data folder, from the configuration beside it."""

import numpy as np
import pytest
from astropy.io import fits

from gammapy_hli import Analysis
from gammapy_hli.cli.main import main


@pytest.fixture(scope="module")
def curves(gammapy_data, tmp_path_factory):
    """Our light curve and gammapy's table."""
    folder = gammapy_data / "estimators/pks2155_hess_lc"
    ours = tmp_path_factory.mktemp("flare") / "ours.yaml"
    theirs, models = str(folder / "config.yaml"), str(folder / "models.yaml")
    assert main(["config", "from-gammapy", theirs, "--models", models, "-o", str(ours)]) == 0
    steps = ["selection", "reduction", "model", "fit", "light_curve"]
    analysis = Analysis(str(ours), {"general.store": False, "steps": steps}).run()
    return analysis.product_of("light_curve"), fits.getdata(folder / "pks2155_hess_lc.fits", "FLUXPOINTS")


def test_intervals(curves):
    ours, theirs = curves
    assert len(theirs) == 34
    for name in ("e_min", "e_max"):
        np.testing.assert_allclose(np.squeeze(getattr(ours, name)), theirs[name][0, 0], rtol=1e-10)


@pytest.mark.parametrize("name", ["norm_ul", "sqrt_ts", "norm_errp", "norm_errn"])
def test_numbers_that_do_not_depend_on_where_a_minimizer_stops(curves, name):
    ours, theirs = curves
    tolerance = 2e-4 if "norm_err" in name else 1e-6
    np.testing.assert_allclose(np.squeeze(getattr(ours, name)), theirs[name][:, 0], rtol=tolerance)


def test_norms(curves):
    ours, theirs = curves
    difference = np.squeeze(ours.norm) - theirs["norm"][:, 0]
    assert np.abs(difference / theirs["norm_err"][:, 0]).max() < 0.01
