"""Models of datasets, for the sum of these datasets."""

import pytest

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.models.background import FoVBackgroundModel
from gammapy_hli.engine.models.models_yaml import parse_short
from gammapy_hli.engine.models.of_sum import models_of_sum
from gammapy_hli.engine.models.sky_model import Models

PARTS = ["1", "2"]


def source(**options):
    return next(iter(parse_short({"crab": {"spectral": {"type": "pl"}, **options}})))


def backgrounds(*names):
    made = [FoVBackgroundModel(name) for name in names]
    for number, model in enumerate(made, start=1):
        model.spectral.parameters["norm"].value = number
    return made


def test_backgrounds_of_the_parts_become_one():
    models = Models([source(), *backgrounds("1", "2")])
    found = models_of_sum(models, PARTS, "stacked")
    assert found.names == ("crab", "stacked-bkg")
    assert found["stacked-bkg"].datasets_names == ("stacked",)
    assert found["stacked-bkg"].spectral.parameters["norm"].value == 1
    assert models.names == ("crab", "1-bkg", "2-bkg")


def test_that_of_the_sum_stays():
    found = models_of_sum(Models(backgrounds("1", "stacked")), PARTS, "stacked")
    assert found.names == ("stacked-bkg",)
    assert found["stacked-bkg"].spectral.parameters["norm"].value == 2


def test_backgrounds_of_others_stay():
    assert models_of_sum(Models(backgrounds("1", "9")), PARTS, "stacked").names == ("stacked-bkg", "9-bkg")


def test_source_of_all_parts_is_one_of_the_sum():
    found = models_of_sum(Models([source(datasets_names=["1", "2"])]), PARTS, "stacked")
    assert found["crab"].datasets_names == ("stacked",)


def test_source_of_some_parts_is_told():
    with pytest.raises(InputError, match=r"'crab' is for 1 and not for 2: the sum .*stack: false"):
        models_of_sum(Models([source(datasets_names=["1"])]), PARTS, "stacked")
