"""The checksum of our YAML files is the one that gammapy computes when it reads them."""

import hashlib

import pytest
import yaml

from gammapy_hli.base.yaml_writer import with_checksum
from gammapy_hli.engine.models.models_yaml import models_text, parse_short


def found_and_told(text):
    """What gammapy 2.1 computes of a file (``gammapy.utils.scripts.from_yaml``), and what the file says."""
    document = yaml.safe_load(text)
    told = document.pop("checksum", None)
    again = yaml.dump(document, sort_keys=False, indent=4, width=80, default_flow_style=False)
    return hashlib.md5(again.encode()).hexdigest(), told


@pytest.mark.parametrize(
    "value",
    [
        "plain",
        "é, α and ±",
        "word " * 60,
        3e-11,
        1e22,
        0.1,
        float("nan"),
        None,
        True,
        "3e-11",
        "#a: b",
        [[1.0, 2], []],
        {},
    ],
    ids=repr,
)
def test_checksum_is_that_of_the_document_without_it(value):
    text = yaml.safe_dump(with_checksum({"datasets": [{"name": value}]}), sort_keys=False, allow_unicode=True)
    found, told = found_and_told(text)
    assert found == told


def test_models_files_have_it():
    models = parse_short(
        {
            "a": {"spectral": {"type": "pl", "index": {"value": 2.3, "min": 1, "error": 0.1}}},
            "b": {"spectral": {"type": "lp"}, "spatial": {"type": "gauss", "lon_0": "83 deg", "lat_0": "-2 deg"}},
        }
    )
    models.parameters["a.spectral.amplitude"].value = 4.790871234567e-11
    found, told = found_and_told(models_text(models))
    assert found == told
