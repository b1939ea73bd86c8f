"""Every option of the real tree, one letter changed, is refused everywhere and the right name is suggested."""

import random
import re

import pytest

from gammapy_hli.analysis import Analysis
from gammapy_hli.base.errors import ConfigError
from gammapy_hli.base.suggest import edit_distance
from gammapy_hli.cli.main import main
from gammapy_hli.core.resolve import resolve
from gammapy_hli.core.sources import CommandLine, TextSource
from gammapy_hli.core.walk import walk
from gammapy_hli.engine.models.catalogue import SPECTRAL

CRAB = (
    "model: {sources: {crab: {spectral: {type: pl}, spatial: {type: point}, temporal: {type: const}}}}\n"
    "fit: {nuisances: {crab: {norm: 1}}}"
)


def misspell(name, generator):
    """The name with one letter replaced by one that is not in it."""
    place = generator.randrange(len(name))
    letter = generator.choice([letter for letter in "bcdfghjklmnpqrstvwxz" if letter not in name])
    return name[:place] + letter + name[place + 1 :]


def is_suggested(name, wrong, said):
    """Whether the right name is suggested, or another that is as near to what was written (man: min or max)."""
    found = re.findall(r"Did you mean '(?:[^']*\.)?([^'.]+)'", said)
    return name in found or any(edit_distance(other, wrong) == 1 for other in found)


def wrong_paths(seed):
    """Pairs of a misspelt path and the name that was meant, for all options and parts."""
    generator = random.Random(seed)
    paths = dict.fromkeys(re.sub("<[a-z]+>", "crab", item.path) for item in walk(Analysis))
    assert len(paths) > 60
    for path in paths:
        above, _, name = path.rpartition(".")
        wrong = misspell(name, generator)
        yield f"{above}.{wrong}" if above else wrong, name


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_one_letter_changed_suggests_the_right_name(seed):
    for path, name in wrong_paths(seed):
        found = resolve(Analysis, [TextSource(CRAB), CommandLine([(path, ("1",), path)])])
        said = "\n".join(str(problem) for problem in found.problems)
        assert is_suggested(name, path.rpartition(".")[2], said), (path, said)


def test_one_letter_changed_raises_in_python():
    analysis = Analysis({"model.sources.crab": {"spectral": "pl", "spatial": "point", "temporal": "const"}})
    analysis.fit.nuisances["crab"] = {"norm": 1}
    for path, name in wrong_paths(4):
        with pytest.raises(ConfigError) as raised:
            analysis[path] = 1
        assert is_suggested(name, path.rpartition(".")[2], str(raised.value)), path


def test_command_with_a_misspelt_option_is_exit_2(tmp_path, capsys):
    (tmp_path / "c.yaml").write_text(CRAB)
    for path, name in list(wrong_paths(5))[::7]:
        assert main(["plan", "-c", str(tmp_path / "c.yaml"), f"--{path}", "1"]) == 2
        assert is_suggested(name, path.rpartition(".")[2], capsys.readouterr().err), path


@pytest.mark.parametrize("entry", SPECTRAL.values(), ids=lambda entry: entry.tag)
def test_misspelt_model_parameter_suggests_the_right_name(entry):
    generator = random.Random(6)
    for parameter in entry.parameters:
        wrong = misspell(parameter.name, generator)
        text = f"model: {{sources: {{crab: {{spectral: {{type: {entry.tag}, {wrong}: 1}}}}}}}}"
        said = "\n".join(str(problem) for problem in resolve(Analysis, [TextSource(text)]).problems)
        names = {other.name for other in entry.parameters}
        if len(parameter.name) > 1:
            assert any(f"Did you mean '{name}'?" in said for name in names), (wrong, said)
        assert f"model.sources.crab.spectral.{wrong}" in said
