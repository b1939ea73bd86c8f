"""Configurations of gammapy: what is carried over, what is told, and mistakes with their place in gammapy's file."""

from pathlib import Path

import pytest

from gammapy_hli.analysis import Analysis
from gammapy_hli.assistant.from_gammapy import converted_yaml
from gammapy_hli.assistant.gammapy_fields import FIELDS, Free
from gammapy_hli.base.errors import ConfigError
from gammapy_hli.base.yaml_reader import parse_yaml
from gammapy_hli.cli.main import main
from gammapy_hli.core.plain import plain_text
from gammapy_hli.core.resolve import resolve
from gammapy_hli.core.sources import TextSource

SPECTRUM = """\
observations: {datastore: store, obs_ids: [1, 2]}
datasets:
  type: 1d
  stack: false
  on_region: {frame: icrs, lon: 83.63 deg, lat: 22.01 deg, radius: 0.1 deg}
  background: {method: reflected}
"""
MAP = """\
observations: {datastore: store}
datasets:
  type: 3d
  geom: {wcs: {skydir: {frame: galactic, lon: 0 deg, lat: 0 deg}, width: {width: 8 deg, height: 6 deg}}}
  background: {method: fov_background, exclusion: mask.fits, parameters: {method: fit, min_counts: 10}}
excess_map: {energy_edges: {min: 1 TeV, max: 100 TeV, nbins: 2}, parameters: {selection_optional: all}}
"""
# another value than the default for every option, for the analysis that has a use for it
CHANGED = {
    "general.log.level": "debug", "general.log.filename": "log.txt", "general.log.filemode": "w",
    "general.log.format": "'%(message)s'", "general.log.datefmt": "'%d'", "general.outdir": "results",
    "general.n_jobs": "2", "general.datasets_file": "datasets.yaml", "general.models_file": "models.yaml",
    "observations.datastore": "elsewhere", "observations.obs_ids": "[7]", "observations.obs_file": "runs.txt",
    "observations.obs_cone": "{frame: icrs, lon: 1 deg, lat: 2 deg, radius: 3 deg}",
    "observations.obs_time": "{start: '2019-12-01', stop: '2019-12-02'}", "observations.required_irf": "[aeff]",
    "datasets.type": "3d", "datasets.stack": "false",
    "datasets.geom.wcs.skydir": "{frame: icrs, lon: 1 deg, lat: 2 deg}",
    "datasets.geom.wcs.binsize": "0.03 deg", "datasets.geom.wcs.width": "{width: 3 deg, height: 4 deg}",
    "datasets.geom.wcs.binsize_irf": "0.3 deg", "datasets.geom.selection.offset_max": "1.5 deg",
    "datasets.geom.axes.energy": "{min: 2 TeV, max: 3 TeV, nbins: 4}",
    "datasets.geom.axes.energy_true": "{min: 2 TeV, max: 3 TeV, nbins: 4}", "datasets.map_selection": "[counts]",
    "datasets.background.method": "ring", "datasets.background.exclusion": "other.fits",
    "datasets.background.parameters": "{spectral_model: pl-norm}", "datasets.safe_mask.methods": "[bkg-peak]",
    "datasets.safe_mask.parameters": "{fixed_offset: 1 deg}",
    "datasets.on_region": "{frame: icrs, lon: 1 deg, lat: 2 deg, radius: 3 deg}",
    "datasets.containment_correction": "false", "fit.fit_range": "{min: 2 TeV, max: 3 TeV}",
    "flux_points.energy": "{min: 2 TeV, max: 3 TeV, nbins: 4}", "flux_points.source": "crab",
    "flux_points.parameters": "{norm: 2}", "excess_map.correlation_radius": "0.3 deg",
    "excess_map.parameters": "{gamma_min_sensitivity: 3}",
    "excess_map.energy_edges": "{min: 2 TeV, max: 3 TeV, nbins: 4}",
    "light_curve.time_intervals": "{start: ['2019-12-01'], stop: ['2019-12-02']}", "light_curve.source": "crab",
    "light_curve.energy_edges": "{min: 2 TeV, max: 3 TeV, nbins: 4}", "light_curve.parameters": "{atol: 1 s}",
}  # fmt: skip


@pytest.fixture
def converted(tmp_path, monkeypatch):
    """Convert a text; the analysis, the text and what was told."""
    monkeypatch.chdir(tmp_path)

    def make(text, models=None):
        Path("theirs.yaml").write_text(text, encoding="utf-8")
        ours, lost = converted_yaml("theirs.yaml", Path(), models)
        return resolve(Analysis, [TextSource(ours)]).build(), ours, [str(problem) for problem in lost]

    return make


def test_spectrum_is_carried_over(converted):
    analysis, _, lost = converted(SPECTRUM + "fit: {fit_range: {min: 2 TeV, max: 9 TeV}}", models="crab.yaml")
    assert analysis.reduction.type == "spectrum"
    assert analysis.reduction.on_region.spec["circle"]["radius"] == "0.1 deg"
    assert analysis.reduction.background.method == "reflected"
    assert [edge.value for edge in analysis.fit.energy_range] == [2, 9]
    assert analysis.steps == ("selection", "reduction", "model", "fit", "report")
    assert analysis.model.stored("file") == "crab.yaml"
    assert lost == []


def test_defaults_of_gammapy_that_are_not_ours_are_written(converted):
    analysis, _, _ = converted(SPECTRUM.replace("  stack: false\n", ""), models="crab.yaml")
    energy = analysis.reduction.energy
    assert (energy.min.value, energy.max.value, energy.nbins) == (1, 10, 5)
    assert analysis.reduction.energy_true.nbins == 16
    assert analysis.selection.required_irfs == ("aeff", "edisp", "psf", "bkg")
    assert analysis.fit.stack


def test_map_is_carried_over(converted):
    analysis, ours, lost = converted(MAP, models="gc.yaml")
    assert analysis.reduction.type == "map"
    assert analysis.reduction.geometry.center.frame == "galactic"
    assert [width.value for width in analysis.reduction.geometry.width] == [8, 6]
    fov = analysis.reduction.background.fov
    assert (fov.method, fov.min_counts, fov.only_inside_mask) == ("fit", 10, True)
    assert analysis.maps.stored("energy_edges") == ["1 TeV", "10 TeV", "100 TeV"]
    assert analysis.maps.limits
    assert "maps" in analysis.steps
    assert len(lost) == 1
    assert "excess is what remains above it, which is the residual here" in lost[0]
    assert "which is the residual here" in " ".join(ours.replace("##", "").split())


def test_without_a_model_its_steps_wait_in_comments(converted):
    analysis, ours, lost = converted(SPECTRUM + "flux_points: {energy: {min: 1 TeV, max: 9 TeV, nbins: 3}}")
    assert analysis.steps == ("selection", "reduction", "report")
    assert "#flux_points:\n#  source: source\n#  energy: {min: 1 TeV, max: 9 TeV, nbins: 3}" in ours
    assert "model, fit, flux_points wait for one. Name gammapy's models file in model.file" in lost[0]
    active = ours.replace("\n#model", "\nmodel").replace("\n#  file", "\n  file").replace("\n#flux", "\nflux")
    active = active.replace("\n#  source", "\n  source").replace("\n#  energy: {", "\n  energy: {")
    active = active.replace("[selection, reduction, report]", "[selection, reduction, model, fit, flux_points, report]")
    assert resolve(Analysis, [TextSource(active)], complete=True).build().flux_points.energy.nbins == 3


@pytest.mark.parametrize("base", [SPECTRUM, MAP], ids=["spectrum", "map"])
@pytest.mark.parametrize("path", CHANGED)
def test_nothing_is_dropped_in_silence(converted, base, path):
    """Every option that is changed alone changes our configuration, or is told."""
    value = "1d" if path == "datasets.type" and base is MAP else CHANGED[path]
    base = base.replace(", obs_ids: [1, 2]", "") if path == "observations.obs_file" else base
    same = base is SPECTRUM and path == "datasets.stack"  # false there already
    before = converted(base, models="crab.yaml")
    try:
        after = converted(changed(base, path, value), models="crab.yaml")
    except ConfigError:  # which tells it
        after = None
    parts = path.split(".")
    names = [".".join(parts[:number]) for number in range(2, len(parts) + 1)]
    told = after is None or any(f"{name}: " in each or f"{path}." in each for each in after[2] for name in names)
    assert same or told or before[0].to_plain(only_set=True) != after[0].to_plain(only_set=True)


def changed(base, path, value):
    """A configuration with another value of one option."""
    plain = parse_yaml(base, "base").plain()
    node = plain
    *above, last = path.split(".")
    for name in above:
        node = node.setdefault(name, {})
    node[last] = parse_yaml(value, "value").plain()
    return plain_text(plain)


def test_the_table_of_changes_has_every_option():
    def leaves(fields, above=""):
        for name, default in fields.items():
            path = f"{above}{name}"
            is_section = isinstance(default, dict) and path not in CHANGED
            yield from leaves(default, f"{path}.") if is_section else [path]

    assert set(leaves(FIELDS)) == set(CHANGED)
    assert isinstance(FIELDS["flux_points"]["parameters"], Free)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("datasts: {type: 1d}", "theirs.yaml:1:1: 'datasts' is no option of gammapy's AnalysisConfig. Did you mean"),
        ("datasets: {geom: {axs: {}}}", "theirs.yaml:1:19: 'datasets.geom.axs' is no option of gammapy's"),
        ("config_version: 1", "theirs.yaml:1:1: 'config_version' is an option of gammapy_hli: this is no"),
        ("datasets: 1d", "theirs.yaml:1:11: datasets: expected a mapping with the keys type, stack"),
        ("datasets: {type: 4d}", 'theirs.yaml:1:18: datasets.type: 4d is not allowed; write 1d or 3d'),
        ("datasets: {background: {method: rng}}", "method: rng is not allowed. Did you mean 'ring'? Allowed: ref"),
        ("datasets: {background: {method: reflectd}}", "reflectd is not allowed. Did you mean 'reflected'? Allowed:"),
        ("datasets: {safe_mask: {methods: [aeff]}}", "theirs.yaml:1:33: reduction.safe_mask.methods: 'aeff' is not"),
        ("datasets: {geom: {axes: {energy: {min: 1 m, max: 2 TeV, nbins: 3}}}}", "'1 m' has unit m (length)"),
        ("datasets: {geom: {axes: {energy: {nbins: null}}}}", "datasets.geom.axes.energy: needs min, max and nbins"),
        ("observations: {obs_ids: [1], obs_file: runs.txt}", "gammapy takes obs_ids or obs_file, not both"),
        ("observations: {obs_cone: {lon: 1 deg, lat: 2 deg}}", "observations.obs_cone: has no frame and no radius"),
        ("datasets: {type: 3d}", "datasets.geom.wcs.skydir: needs frame, lon and lat"),
        ("light_curve: {energy_edges: {min: 2 TeV, max: 1 TeV, nbins: 1}}", "is no axis of energy"),
    ],
)  # fmt: skip
def test_mistakes_are_told_with_their_place_in_the_file_of_gammapy(converted, text, message):
    with pytest.raises(ConfigError) as raised:
        converted(text)
    assert message in str(raised.value)


def test_relative_inputs_are_those_of_the_working_directory(converted):
    Path("sub").mkdir()
    Path("sub/theirs.yaml").write_text(MAP, encoding="utf-8")
    text, _ = converted_yaml("sub/theirs.yaml", Path("sub"), "gc.yaml")
    for line in ("  datastore: ../store ", "mask: ../mask.fits ", "  file: ../gc.yaml"):
        assert line in text


def test_times_cut_the_runs_with_gaps_too(converted):
    analysis, _, _ = converted(SPECTRUM.replace("]}", "], obs_time: {start: '2019-12-01', stop: '2019-12-02'}}"))
    assert len(analysis.selection.intervals.edges) == 2
    gap = "{start: ['2019-12-01', '2019-12-05'], stop: ['2019-12-02', '2019-12-06']}"
    analysis, _, lost = converted(SPECTRUM.replace("]}", f"], obs_time: {gap}}}"))
    assert [[str(time)[:10] for time in pair] for pair in analysis.selection.intervals.ranges] == [
        ["2019-12-01", "2019-12-02"],
        ["2019-12-05", "2019-12-06"],
    ]
    assert "not carried over" not in lost[0]


def test_light_curve_with_gaps_between_its_intervals(converted):
    gap = "{start: ['2019-12-01', '2019-12-05'], stop: ['2019-12-02', '2019-12-06']}"
    bands = "{min: 1 TeV, max: 10 TeV, nbins: 1}"
    text = f"{SPECTRUM}light_curve: {{energy_edges: {bands}, time_intervals: {gap}}}\n"
    analysis, _, lost = converted(text, models="a.yaml")
    assert analysis.light_curve.intervals == "ranges"
    assert len(analysis.light_curve.ranges) == 2
    assert not [sentence for sentence in lost if "time_intervals" in sentence]


def test_switches_of_yaml_1_1_are_understood(converted):
    assert converted(SPECTRUM.replace("false", "no"))[0].fit.stack is False
    assert converted(SPECTRUM.replace("false", "yes"), models="a.yaml")[0].fit.stack is True


def test_default_dump_of_gammapy_lacks_what_gammapy_needs_too(converted):
    quiet = (
        "metadata: {creator: Gammapy 2.1}\ndatasets: {on_region: {frame: null, lon: null}, background: {method: null}}"
    )
    analysis, ours, lost = converted(quiet)
    assert analysis.reduction.background.method is None or analysis.reduction.background.method == "none"
    assert any("is not set, and a spectrum needs it: set reduction.on_region" in sentence for sentence in lost)
    assert "set reduction.on_region" in ours


def test_command_writes_the_file_and_tells_on_stderr(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("theirs.yaml").write_text(SPECTRUM + "general: {log: {filename: a.log}}\n", encoding="utf-8")
    assert main(["config", "from-gammapy", "theirs.yaml", "-o", "ours.yaml"]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "theirs.yaml:7:27: general.log.filename: a.log is not carried over" in said.err
    assert main(["config", "check", "ours.yaml"]) == 0
    assert main(["config", "from-gammapy", "theirs.yaml", "-o", "ours.yaml"]) == 2
    assert main(["config", "from-gammapy"]) == 2
    assert main(["config", "from-gammapy", "nothing.yaml"]) == 2
    assert "nothing.yaml" in capsys.readouterr().err
    Path("models.yaml").touch()
    assert main(["config", "from-gammapy", "theirs.yaml", "--models", "modles.yaml", "-o", "other.yaml"]) == 2
    assert "--models modles.yaml: there is no such file. Did you mean 'models.yaml'?" in capsys.readouterr().err
    assert not Path("other.yaml").exists()
