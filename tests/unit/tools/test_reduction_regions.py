"""On regions that come from a file, or whose shape no step knows: told before any step runs."""

import pytest

from gammapy_hli import Analysis
from gammapy_hli.base.errors import ConfigError


def make_problem(region, **options):
    reduction = {"on_region": region, **options}
    analysis = Analysis({"selection": {"datastore": "store"}, "reduction": reduction})
    with pytest.raises(ConfigError) as caught:
        analysis.reduction.check_inputs()
    return str(caught.value)


def test_containment_correction_of_an_ellipse_in_a_file(tmp_path):
    file = tmp_path / "on.reg"
    file.write_text("icrs\nellipse(83.63,22.01,0.2,0.1,0)\n")
    assert "containment_correction: needs a circle; reduction.on_region is an ellipse" in make_problem(str(file))


def test_elliptical_annulus_is_no_on_region():
    region = "icrs;ellipse(83.63,22.01,0.05,0.03,0.15,0.1,30)"
    message = make_problem(region, containment_correction=False)
    assert "on_region: region of type EllipseAnnulusSkyRegion is not supported; use one of circle" in message
