"""Every product tells where it comes from; `gammapy-hli prov` walks back, makes it again, and finds what changed."""

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from astropy.io import fits
from astropy.table import Table

from gammapy_hli import __version__
from gammapy_hli.analysis import Analysis
from gammapy_hli.base.file_record import KEYS, read_record
from gammapy_hli.cli.prov import ACTIONS, flags_of_actions
from gammapy_hli.engine.products.flux_points import FluxPoints
from gammapy_hli.engine.products.reduction import Reduction

POINTS = Path("out/flux_points/crab.fits")


def test_every_fits_and_ecsv_product_tells_where_it_comes_from(session):
    files = [
        path for path in Path("out").rglob("*") if path.suffix in (".fits", ".ecsv") and ".items" not in path.parts
    ]
    assert len(files) == 1 + 1 + 3 * 5 + 2  # runs; info, GADF and four of OGIP a run; flux points
    for path in files:
        if path.suffix == ".fits":
            found = {key: fits.getheader(path, 0)[key] for key in KEYS}
        else:
            found = {key: Table.read(path, format="ascii.ecsv").meta[key] for key in KEYS}
        assert found["CREATOR"] == f"gammapy_hli {__version__}"
        assert found["HLISTEP"] == path.parts[1]
        assert len(found["HLIKEY"]) == len(found["HLICONF"]) == 32
    steps = {path.parts[1]: read_record(path)["HLIKEY"] for path in files}
    assert len(set(steps.values())) == len(steps)


def test_what_is_read_and_written_again_is_the_same_but_for_the_record(session, tmp_path):
    points = FluxPoints.read(POINTS)
    points.write(tmp_path / "again.fits")
    assert FluxPoints.read(tmp_path / "again.fits") == points
    reduction = Reduction.read("out/reduction")
    assert reduction.info.meta == {}
    (tmp_path / "again").mkdir()
    reduction.write(tmp_path / "again")
    assert Reduction.read(tmp_path / "again").info.colnames == reduction.info.colnames
    first, again = (fits.open(path) for path in ("out/reduction/pha_obs1.fits", tmp_path / "again/pha_obs1.fits"))
    with first, again:
        assert [hdu.name for hdu in first] == [hdu.name for hdu in again]
        for one, other in zip(first[1:], again[1:], strict=True):
            assert one.header.tostring() == other.header.tostring()
            assert one.data.tobytes() == other.data.tobytes()


def test_tree_leads_from_a_product_to_the_event_lists(session, hli):
    outcome = hli("prov", "show", POINTS)
    assert outcome.code == 0
    for words in ("flux_points", "source = crab", "fit_result: fit", "datasets: reduction", "observations: selection"):
        assert words in outcome.out
    assert "energy.per_decade = 5  (sim.yaml:9:" in outcome.out
    manifest = json.loads(Path("out/reduction/manifest.json").read_text())
    for record in manifest["files"]:
        assert f"{record['path']}  {record['sha256'][:12]}" in outcome.out
    assert "tolerance" not in outcome.out
    assert (
        "tolerance = 0.01" in hli("prov", "show", POINTS, "--all").out
        or "tolerance = 0.1" in outcome.out + hli("prov", "show", POINTS, "--all").out
    )


def test_document_of_a_product_holds_the_tree(session, hli):
    document = json.loads(hli("prov", "show", "out/fit/models.yaml", "--json").out)
    assert list(document["steps"]) == ["selection", "reduction", "model", "fit"]
    assert document["product"]["path"] == "models.yaml"
    assert document["is_whole"]
    assert len(document["steps"]["reduction"]["files"]) >= 3
    assert document["steps"]["fit"]["inputs"] == [
        {"role": "datasets", "step": "reduction"},
        {"role": "models", "step": "model"},
    ]


def test_copied_product_tells_its_record_and_is_found_again(session, hli, tmp_path):
    copy = tmp_path / "elsewhere.fits"
    shutil.copy(POINTS, copy)
    alone = hli("prov", "show", copy)
    assert alone.code == 0
    assert read_record(POINTS)["HLIKEY"] in alone.out
    assert "--outdir FOLDER" in alone.out
    assert "from out/flux_points/crab.fits" in hli("prov", "show", copy, "--outdir", "out").out
    with fits.open(copy, mode="update") as hdus:
        hdus[0].header["NOTE"] = "mine"
    changed = hli("prov", "show", copy, "--outdir", "out")
    assert changed.code == 4
    assert "changed since it was written" in changed.out


def test_configuration_of_a_product_makes_it_again_byte_by_byte(session, hli, products):
    assert hli("prov", "config", POINTS, "-o", "again.yaml").code == 0
    assert yaml.safe_load(Path("again.yaml").read_text())["config_version"] == 1
    assert hli("run", "-c", "again.yaml", "--outdir", "new", "-q").code == 0
    assert products("new") == products("out")


FORMS = """\
config_version: 1
extends: sim.yaml
selection: {cone: {center: "05h34m32s, 22d00m52s", radius: 120 arcmin}}
reduction:
  energy: {min: 100 GeV, max: 40 TeV, per_decade: 5}
  background: {exclusion: {regions: [sky/excluded.reg, "icrs;circle(84.4,22.0145,0.2)"]}}
model:
  sources:
    crab: {spectral: {index: {value: 2.2, min: 1, max: 5}, reference: {value: 1000 GeV, frozen: true}}}
fit: {energy_range: [200 GeV, null], minos: [all]}
"""


def test_values_of_every_form_are_set_again(place, hli, products):
    """Positions in hours, other units, files of regions beside the configuration, bounds of parameters, lists."""
    Path("sky").mkdir()
    Path("sky/excluded.reg").write_text("icrs\ncircle(83.0,22.5,0.1)\n")
    Path("forms.yaml").write_text(FORMS)
    first = hli("run", "-c", "forms.yaml", "-q")
    assert first.code == 0, first.err
    assert "05h34m32s" in hli("prov", "show", "out/selection").out
    Path("elsewhere").mkdir()
    assert hli("prov", "config", POINTS, "-o", "elsewhere/again.yaml").code == 0
    again = hli("run", "-c", "elsewhere/again.yaml", "--outdir", "new", "-q")
    assert again.code == 0, again.err
    assert products("new") == products("out")
    manifest = json.loads(Path("out/reduction/manifest.json").read_text())
    assert any(record["path"].endswith("sky/excluded.reg") for record in manifest["files"])


def test_configuration_follows_what_was_in_force_and_not_what_is_now(session, hli):
    hli("run", "-c", "sim.yaml", "-q", "--flux_points.n_sigma_ul", "3")
    assert yaml.safe_load(hli("prov", "config", POINTS).out)["flux_points"]["n_sigma_ul"] == 3
    assert "n_sigma_ul" not in yaml.safe_load(hli("prov", "config", "out/fit/fit.yaml").out).get("fit", {})
    assert yaml.safe_load(hli("prov", "config", "out/fit").out)["steps"] == ["selection", "reduction", "model", "fit"]


def test_old_default_is_written_where_the_default_of_today_is_another(session, hli):
    """A manifest of an older version, in which another value was the default."""
    path = Path("out/fit/manifest.json")
    manifest = json.loads(path.read_text())
    manifest["options"]["fit.tolerance"] = {"text": "0.01", "origin": "default"}
    path.write_text(json.dumps(manifest))
    assert yaml.safe_load(hli("prov", "config", POINTS).out)["fit"]["tolerance"] == 0.01


def test_option_that_this_version_does_not_know_is_told(session, hli):
    path = Path("out/fit/manifest.json")
    manifest = json.loads(path.read_text())
    manifest["options"]["fit.tolerence"] = {"text": "0.01", "origin": "old.yaml:1:1"}
    path.write_text(json.dumps(manifest))
    outcome = hli("prov", "config", POINTS)
    assert outcome.code == 2
    assert "fit.tolerence" in outcome.err
    assert "Did you mean 'tolerance'?" in outcome.err


def test_labelled_steps_and_models_from_python_are_made_again(session, hli, products):
    analysis = Analysis("sim.yaml", {"steps": ["selection", "reduction", "model", "fit", "fit@stacked"]})
    analysis.general.outdir = "labelled"
    analysis["fit@stacked"].stack = True
    analysis.run(until="reduction")
    analysis.set_models(Path("out/model/models.yaml").read_text())
    analysis.run()
    text = hli("prov", "config", "labelled/fit@stacked/fit.yaml").out
    assert yaml.safe_load(text)["fit@stacked"]["stack"] is True
    Path("again.yaml").write_text(text)
    assert hli("run", "-c", "again.yaml", "--outdir", "new", "-q").code == 0
    one, other = (Path(folder, "fit@stacked", "fit.yaml").read_text() for folder in ("labelled", "new"))
    assert yaml.safe_load(one) == yaml.safe_load(other)


def test_product_that_was_set_in_python_is_told(session, hli):
    path = Path("out/reduction/manifest.json")
    path.write_text(path.read_text().replace('"status": "complete"', '"status": "given"'))
    outcome = hli("prov", "config", POINTS)
    assert outcome.code == 3
    assert "the product of 'reduction' was set in Python" in outcome.err


def test_check_finds_nothing_after_a_run_and_everything_after_changes(session, hli):
    whole = hli("prov", "check", "out")
    assert whole.code == 0
    assert "5 steps" in whole.out
    assert whole.out.count("\n") == 1
    text = Path("out/fit/fit.yaml")
    text.write_text(text.read_text().replace("converged", "CONVERGED"))
    changed = hli("prov", "check", "out")
    assert changed.code == 4
    assert "fit: product changed  out/fit/fit.yaml" in changed.out
    POINTS.unlink()
    missing = hli("prov", "check", "out", "--json")
    assert missing.code == 3
    wrong = [finding for finding in json.loads(missing.out) if finding["state"] != "whole"]
    assert {(finding["step"], finding["state"]) for finding in wrong} == {
        ("fit", "changed"),
        ("flux_points", "missing"),
    }


def test_store_that_was_moved_is_checked_where_it_is_now(place, hli):
    assert hli("run", "-c", "sim.yaml", "-q").code == 0
    Path("store").rename("moved")
    lost = hli("prov", "check", "out")
    assert lost.code == 3
    assert "selection: input missing" in lost.out
    Path("sim.yaml").write_text(Path("sim.yaml").read_text().replace("datastore: store", "datastore: moved"))
    again = hli("run", "-c", "sim.yaml", "-q")
    assert " done" not in again.out
    whole = hli("prov", "check", "out")
    assert whole.code == 0, whole.out


def test_graph_has_every_step_in_every_form(session, hli):
    mermaid = hli("prov", "graph", "out").out
    assert mermaid.startswith("flowchart TD\n")
    dot = hli("prov", "graph", "out", "--format", "dot").out
    assert hli("prov", "graph", "out", "-o", "graph.svg").code == 0
    drawing = ElementTree.parse("graph.svg")
    titles = {node.text for node in drawing.iter() if node.get("class") == "title"}
    for step in ("selection", "reduction", "model", "fit", "flux_points"):
        assert f"<b>{step}</b>" in mermaid
        assert f'label="{step}' in dot
        assert {step, f"{step}/"} <= titles
    assert "flux_points" not in hli("prov", "graph", "out/fit").out


def test_history_tells_of_runs_that_failed(session, hli):
    elsewhere = '{circle: {center: "10 deg, 10 deg", radius: 0.1 deg}}'
    failed = hli("run", "-c", "sim.yaml", "-q", "--reduction.on_region", elsewhere)
    assert failed.code == 3, failed.err
    assert "reduction    failed" in hli("prov", "history", "out").out
    assert "10 deg" in json.loads(hli("prov", "history", "out", "--json").out)[-1]["options"]["reduction.on_region"]
    activities = json.loads(Path("out/provenance.json").read_text())["activity"]
    assert any(name.startswith("attempt:reduction-") for name in activities)


WRONG = {
    "no action": (("prov",), 2, None),
    "action": (("prov", "shwo"), 2, "prov knows no 'shwo'. Did you mean 'show'?"),
    "no file": (("prov", "show"), 2, "no file. Name a product"),
    "flag": (("prov", "check", "out", "--jsn"), 2, "unknown flag '--jsn'. Did you mean '--json'?"),
    "file": (("prov", "show", "out/nothing"), 3, "out/nothing: no such file"),
    "outdir": (("prov", "check", "nothing"), 3, "nothing: no such folder"),
    "no outdir": (("prov", "check", "."), 5, "holds no product of a step"),
    "history": (("prov", "history", "."), 3, "has no history"),
    "there already": (("prov", "graph", "out", "-o", "sim.yaml", "--format", "dot"), 2, "sim.yaml is there already"),
    "no folder": (("prov", "graph", "out", "-o", "no/graph.svg"), 2, "there is no folder no"),
    "ending": (("prov", "graph", "out", "-o", "g.png"), 2, "a graph is not written as .png. Endings: .svg (svg), .dot"),
    "format": (("prov", "graph", "out", "--format", "png"), 2, "invalid choice: 'png'"),
}


@pytest.mark.parametrize(("words", "code", "message"), WRONG.values(), ids=WRONG)
def test_mistakes_are_told_and_nothing_is_written(session, hli, words, code, message):
    outcome = hli(*words)
    assert outcome.code == code
    assert message is None or message in outcome.err


def test_help_names_every_action_and_completion_every_flag(hli):
    overview = hli("prov", "--help").out
    flags = set()
    for action in ACTIONS:
        assert action in overview
        text = hli("prov", action, "--help").out
        flags |= {word.strip(",") for word in text.split() if word.startswith("--")}
    assert flags - {"--help", "--help-all", "--debug"} == set(flags_of_actions())
