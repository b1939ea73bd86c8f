"""YAML text does not depend on whether libyaml is there."""

import pytest
import yaml

from gammapy_hli.base.yaml_writer import PlainDumper, yaml_text

DOCUMENT = {
    "datasets": [{"name": "23523", "type": "SpectrumDatasetOnOff"}, {"name": "1_0", "text": "yes: 'no' # ü"}],
    "numbers": [1.5, -0.0, 1e-300, float("inf"), 3, True, None],
    "long": "a sentence of many words that does not fit into one line of eighty characters, and so must be folded",
}


def test_text_reads_back_and_keeps_the_order():
    text = yaml_text(DOCUMENT)
    assert yaml.safe_load(text) == DOCUMENT
    assert text.startswith("datasets:\n- name: '23523'\n")


@pytest.mark.skipif(not hasattr(yaml, "CSafeDumper"), reason="PyYAML without libyaml")
@pytest.mark.parametrize("width", [80, 120])
def test_libyaml_and_python_give_the_same_text(width):
    assert PlainDumper is yaml.CSafeDumper
    options = {"sort_keys": False, "allow_unicode": True, "width": width}
    assert yaml_text(DOCUMENT, width=width) == yaml.dump(DOCUMENT, Dumper=yaml.SafeDumper, **options)
