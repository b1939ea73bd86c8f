"""The table of models: light to import, whole, open to plugins."""

import subprocess
import sys

import pytest

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.models.build import make_spectral, spectral_class
from gammapy_hli.engine.models.catalogue import CATALOGUE, SPECTRAL, plugin_tags, resolve_tag

ALL = [entry for entries in CATALOGUE.values() for entry in entries.values()]


def test_table_and_checks_import_neither_numpy_nor_astropy():
    code = (
        "import sys; import gammapy_hli.engine.models.catalogue, gammapy_hli.engine.models.check as c;"
        "k = c.ModelChecker(); k.sources(c.as_node({'a': {'spectral': {'type': 'pl', 'index': 2}}}), 'x');"
        "assert not k.problems; print(sorted({'numpy', 'astropy', 'scipy'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("entry", ALL, ids=lambda entry: entry.tag)
def test_everything_in_the_table_has_help(entry):
    assert entry.help.endswith(".")
    assert all(parameter.help.endswith(".") for parameter in entry.parameters)
    assert all(option.help.endswith(".") for option in entry.options)


@pytest.mark.parametrize("entry", SPECTRAL.values(), ids=lambda entry: entry.tag)
def test_every_spectral_entry_has_its_class(entry):
    assert spectral_class(entry).entry is entry
    for tag in entry.tags:
        assert resolve_tag(tag) is entry


def test_unknown_tags_are_refused_with_a_suggestion():
    with pytest.raises(InputError, match=r"'PowerLawSpectralModl'. Did you mean 'PowerLawSpectralModel'"):
        resolve_tag("PowerLawSpectralModl")
    with pytest.raises(InputError, match=r"Did you mean 'point'"):
        resolve_tag("pont", "spatial")


def test_plugins_are_listed_without_import_and_loaded_when_chosen(tmp_path, monkeypatch):
    (tmp_path / "hli_plugin_table.py").write_text(
        "from gammapy_hli.engine.models.entries import *\n"
        "E = ModelEntry('FlatSpectralModel', ('flat',), 'spectral', (ParameterEntry('level', 2.0, DNDE),), 'Flat.',\n"
        "    unit=DNDE, implementation='hli_plugin_model:FlatSpectralModel')\nBAD = 3\n"
    )
    (tmp_path / "hli_plugin_model.py").write_text(
        "import numpy as np\nimport hli_plugin_table\n"
        "from gammapy_hli.engine.models.spectral.base import SpectralModel\n"
        "class FlatSpectralModel(SpectralModel):\n    entry = hli_plugin_table.E\n"
        "    def dnde(self, nodes, values):\n        return np.full(nodes.energy.shape, values[0])\n"
    )
    info = tmp_path / "hli_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hli_plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[gammapy_hli.models]\nspectral.flat = hli_plugin_table:E\nspectral.broken = hli_plugin_table:BAD\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert plugin_tags("spectral") == ("broken", "flat")
    assert "hli_plugin_table" not in sys.modules
    assert resolve_tag("flat").parameters[0].default == 2.0
    assert "hli_plugin_model" not in sys.modules
    assert make_spectral("flat", level=3.0).bin_flux([1.0, 2.0], [3.0]) == pytest.approx(3.0)
    with pytest.raises(InputError, match=r"gives a int; expected a ModelEntry"):
        resolve_tag("broken")
    with pytest.raises(InputError, match=r"Did you mean 'flat'"):
        resolve_tag("flatt")
