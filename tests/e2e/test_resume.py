"""Work that was done is not done again: single runs, whole steps, after an interruption and after a change."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import gammapy_hli.tools.kept_sum
import gammapy_hli.tools.reduction

RUN = ("run", "-c", "sim.yaml", "--no-progress", "--until", "reduction")
MAP_CONFIG = """\
config_version: 1
general: {outdir: out}
steps: [selection, reduction]
selection: {datastore: store, obs_ids: [1, 2, 3], required_irfs: [aeff, edisp, psf, bkg]}
reduction:
  type: map
  geometry: {center: "83.633 deg, 22.0145 deg", width: [3 deg, 3 deg], pixel: 0.1 deg}
  energy: {min: 0.5 TeV, max: 20 TeV, nbins: 3}
  energy_true: {min: 0.3 TeV, max: 40 TeV, nbins: 5}
  background: {method: fov}
  safe_mask: {methods: [offset-max], offset_max: 2.5 deg}
"""
NO_OFF_REGION_FOR_RUN_3 = '[{circle: {center: "84.35 deg, 22.0136 deg", radius: 0.62 deg}}]'


@pytest.fixture
def reduced_names(monkeypatch):
    """Names of the runs that are reduced, in order; ``stop_at`` and ``fail_at`` name one that ends it or fails."""
    plain, names = gammapy_hli.tools.reduction.reduce_run, Names()

    def spy(observation, plan):
        if observation.name == names.stop_at:
            raise KeyboardInterrupt
        if observation.name == names.fail_at:
            raise RuntimeError("out of luck")
        names.append(observation.name)
        return plain(observation, plan)

    monkeypatch.setattr(gammapy_hli.tools.reduction, "reduce_run", spy)
    return names


class Names(list):
    stop_at = fail_at = None

    def taken(self):
        """What was reduced since the last call."""
        found = list(self)
        self.clear()
        self.stop_at = self.fail_at = None
        return found


@pytest.fixture
def kept_at_once(monkeypatch):
    """The sum of stacked maps is kept behind every run."""
    monkeypatch.setattr(gammapy_hli.tools.kept_sum, "SECONDS", -1.0)
    monkeypatch.setattr(gammapy_hli.tools.kept_sum, "SHARE", float("inf"))


def make_maps(**changes):
    text = MAP_CONFIG
    for old, new in changes.items():
        text = text.replace(old, new)
    Path("sim.yaml").write_text(text)


def test_interrupted_reduction_reduces_what_is_missing(place, hli, products, finished_session, reduced_names):
    reduced_names.stop_at = "3"
    assert hli(*RUN).code == 130
    assert reduced_names.taken() == ["1", "2"]
    outcome = hli("run", "-c", "sim.yaml", "--no-progress")
    assert outcome.code == 0
    assert reduced_names.taken() == ["3"]
    assert "2 of 3 runs are taken as they were reduced before" in outcome.err
    assert products("out") == products(finished_session / "out")


def test_added_run_and_removed_run_reduce_what_is_new(place, hli, products, reduced_names):
    assert hli(*RUN, "--selection.obs_ids", "1", "3").code == 0
    assert reduced_names.taken() == ["1", "3"]
    assert hli(*RUN).code == 0
    assert reduced_names.taken() == ["2"]
    before = products("out/reduction")
    assert hli(*RUN, "--selection.obs_ids", "2").code == 0
    assert reduced_names.taken() == []
    assert hli(*RUN, "--outdir", "new").code == 0
    assert products("new/reduction") == before


@pytest.mark.parametrize("change", [("--reduction.energy.min", "0.2 TeV"), ("--force", "reduction")])
def test_another_option_and_force_reduce_all(place, hli, reduced_names, change):
    hli(*RUN)
    reduced_names.clear()
    assert hli(*RUN, *change).code == 0
    assert reduced_names == ["1", "2", "3"]


def test_changed_events_of_a_run_reduce_that_run(place, hli, reduced_names):
    from astropy.io import fits

    hli(*RUN)
    reduced_names.clear()
    (path,) = (path for path in Path("store").rglob("*2.fits*") if "index" not in path.name)
    with fits.open(path, mode="update") as hdus:
        hdus["EVENTS"].header["OBSERVER"] = "another"
    assert hli(*RUN).code == 0
    assert reduced_names == ["2"]


def test_nothing_is_kept_where_that_is_not_wanted(place, hli, reduced_names):
    assert hli(*RUN).code == 0
    assert list(Path("out/.items/reduction").iterdir())
    assert hli(*RUN, "--force", "reduction", "--general.store_per_obs", "false").code == 0
    assert not list(Path("out").rglob("*.items"))
    reduced_names.clear()
    hli(*RUN, "--reduction.energy.min", "0.2 TeV", "--general.store_per_obs", "false")
    assert reduced_names == ["1", "2", "3"]


def test_interrupted_sum_of_maps_goes_on_to_the_same_bytes(place, hli, products, reduced_names, kept_at_once):
    make_maps()
    assert hli("run", "-c", "sim.yaml", "--no-progress", "--outdir", "whole").code == 0
    reduced_names.taken()
    reduced_names.stop_at = "3"
    assert hli(*RUN).code == 130
    assert reduced_names.taken() == ["1", "2"]
    outcome = hli("run", "-c", "sim.yaml", "--no-progress")
    assert reduced_names.taken() == ["3"]
    assert "2 of 3 runs are in the sum that was kept" in outcome.err
    assert products("out") == products("whole")
    assert len(list(Path("out/.items/reduction").iterdir())) == 1


def test_sum_of_maps_gets_a_run(place, hli, products, reduced_names, kept_at_once):
    make_maps()
    assert hli(*RUN, "--selection.obs_ids", "1", "2").code == 0
    reduced_names.taken()
    assert hli(*RUN).code == 0
    assert reduced_names.taken() == ["3"]
    assert hli(*RUN, "--outdir", "whole").code == 0
    assert products("out/reduction") == products("whole/reduction")


def test_quick_sum_of_maps_is_not_kept(place, hli):
    make_maps()
    assert hli(*RUN).code == 0
    assert not Path("out/.items").exists()


@pytest.mark.parametrize("changes", [{}, {"type: map": "type: map\n  stack: false"}], ids=["stacked", "each"])
def test_maps_of_every_run_are_kept_on_request(place, hli, products, reduced_names, changes):
    make_maps(**{"outdir: out": "outdir: out, store_per_obs: true", **changes})
    reduced_names.stop_at = "3"
    assert hli(*RUN).code == 130
    reduced_names.taken()
    assert hli(*RUN).code == 0
    assert reduced_names.taken() == ["3"]
    assert hli(*RUN, "--outdir", "whole").code == 0
    assert products("out/reduction") == products("whole/reduction")


def test_damaged_items_are_made_again(place, hli, products, finished_session, reduced_names):
    hli(*RUN)
    (path,) = Path("out/.items/reduction").iterdir()
    content = bytearray(path.read_bytes())
    content[2000] ^= 1
    path.write_bytes(content)
    Path("out/reduction/info.ecsv").unlink()
    reduced_names.clear()
    assert hli("run", "-c", "sim.yaml").code == 0
    assert len(reduced_names) == 1
    assert products("out") == products(finished_session / "out")


def test_run_that_is_left_out_is_told_of_again(place, hli, reduced_names):
    """It is not looked at again, but its reason and exit code 4 stay."""
    words = (*RUN, "--reduction.background.exclusion.regions", NO_OFF_REGION_FOR_RUN_3)
    first = hli(*words)
    assert first.code == 4
    reduced_names.taken()
    Path("out/reduction/info.ecsv").unlink()
    second = hli(*words)
    assert (second.code, reduced_names.taken()) == (4, [])
    told = [[line for line in outcome.out.splitlines() if "left out" in line] for outcome in (first, second)]
    assert told[0] == told[1] != []


def test_moved_store_runs_nothing_and_another_run_there_is_seen(place, hli, products, reduced_names):
    assert hli("run", "-c", "sim.yaml").code == 0
    reduced_names.taken()
    Path("store").rename("elsewhere")
    text = Path("sim.yaml").read_text()
    Path("sim.yaml").write_text(text.replace("datastore: store", "datastore: elsewhere"))
    before = products("out")
    outcome = hli("run", "-c", "sim.yaml")
    assert (outcome.code, outcome.out.count("up to date")) == (0, 5)
    assert hli("run", "-c", "sim.yaml", "--outdir", "two").code == 0
    assert products("two") == before == products("out")


def test_moved_session_with_its_store_is_up_to_date(place, hli):
    assert hli("run", "-c", "sim.yaml").code == 0
    Path("deep").mkdir()
    for name in ("store", "out"):
        Path(name).rename(Path("deep") / name)
    outcome = hli("run", "--outdir", "deep/out")
    assert (outcome.code, outcome.out.count("up to date")) == (0, 5)


def test_mask_with_other_pixels_is_seen(place, hli, reduced_names):
    """An exclusion mask is read by the reduction: its content counts."""
    import numpy as np
    from astropy.io import fits

    from gammapy_hli.engine.geom.mask import ExclusionMask
    from gammapy_hli.engine.geom.region import parse_position

    center = parse_position("83.633 deg, 22.0145 deg")
    mask = ExclusionMask.from_regions("icrs;circle(83.633, 22.0145, 0.3)", center)
    for name, data in (("a.fits", mask.data), ("b.fits", mask.data), ("c.fits", np.ones_like(mask.data))):
        fits.PrimaryHDU(data.astype(np.uint8), mask.wcs.to_header()).writeto(name)
    words = (*RUN, "--reduction.background.exclusion.mask")
    assert hli(*words, "a.fits").code == 0
    reduced_names.taken()
    assert hli(*words, "b.fits").out.count("up to date") == 2
    assert hli(*words, "c.fits").code == 0
    assert reduced_names.taken() == ["1", "2", "3"]


@pytest.mark.parametrize("is_map", [False, True], ids=["spectra", "sum of maps"])
def test_run_that_failed_by_chance_is_tried_again(place, hli, products, reduced_names, kept_at_once, is_map):
    if is_map:
        make_maps()
    assert hli(*RUN, "--outdir", "whole").code == 0
    reduced_names.taken()
    reduced_names.fail_at = "2"
    failed = hli(*RUN)
    assert failed.code == 4
    assert "run 2 is left out: failed: out of luck" in failed.out
    assert reduced_names.taken() == ["1", "3"]
    Path("out/reduction/info.ecsv").unlink()
    assert hli(*RUN).code == 0
    assert reduced_names.taken() == (["2", "3"] if is_map else ["2"])
    assert products("out/reduction") == products("whole/reduction")


def test_sums_of_groups_of_maps_go_on_where_the_groups_are_the_same(place, hli, products, reduced_names, kept_at_once):
    from astropy.io import fits

    make_maps(**{"type: map": "type: map\n  group: {column: RA_PNT}"})
    assert hli(*RUN, "--outdir", "whole").code == 0
    reduced_names.taken()
    reduced_names.stop_at = "3"
    assert hli(*RUN).code == 130
    assert reduced_names.taken() == ["1", "2"]
    assert hli(*RUN).code == 0
    assert reduced_names.taken() == ["3"]
    assert products("out") == products("whole")
    with fits.open("store/obs-index.fits.gz", mode="update") as hdus:  # the events are what they were
        hdus[1].data["RA_PNT"][1] = 84.0
    assert hli(*RUN).code == 0
    assert reduced_names.taken() == ["1", "2", "3"]
    assert hli(*RUN, "--outdir", "new").code == 0
    assert products("out") == products("new")


TABLE = """\
# %ECSV 1.0
# ---
# datatype: [{{name: energy, unit: TeV, datatype: float64}}, {{name: dnde, unit: cm-2 s-1 TeV-1, datatype: float64}}]
energy dnde
0.01 {}
100 3e-16
"""
TABLE_TIMES_NORM = (
    "{type: compound, operator: mul, model1: {type: template, filename: table.ecsv}, model2: {type: pl-norm}}"
)


def test_table_of_a_spectrum_with_other_numbers_is_seen(place, hli):
    Path("table.ecsv").write_text(TABLE.format(3e-6))
    text = (place / "sim.yaml").read_text().replace(", fit, flux_points]", "]").partition("      spectral: ")[0]
    Path("sim.yaml").write_text(f"{text}      spectral: {TABLE_TIMES_NORM}\n")
    assert hli("run", "-c", "sim.yaml", "-q").code == 0
    Path("table.ecsv").write_text(TABLE.format(4e-6))
    assert "table.ecsv has changed" in hli("plan", "-c", "sim.yaml").out


def test_map_of_an_excluded_source_with_another_width_is_seen(place, hli, reduced_names):
    write_template(Path("map.fits"), 4)
    Path("excluded.yaml").write_text(
        "components:\n- name: cloud\n  type: SkyModel\n  spectral: {type: PowerLawSpectralModel}\n"
        "  spatial: {type: TemplateSpatialModel, filename: map.fits}\n"
    )
    Path("sim.yaml").write_text(MAP_CONFIG.replace("method: fov", "method: fov, exclusion: {models: excluded.yaml}"))
    assert hli(*RUN).code == 0
    write_template(Path("map.fits"), 10)
    assert "map.fits has changed" in hli("plan", "-c", "sim.yaml").out


def write_template(path, n_pixels):
    """A square map of an even brightness around a place beside the source."""
    center = (n_pixels + 1) / 2
    cards = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CUNIT1": "deg", "CUNIT2": "deg", "BUNIT": "sr-1"}
    cards |= {"CRVAL1": 84.2, "CRVAL2": 22.5, "CRPIX1": center, "CRPIX2": center, "CDELT1": -0.05, "CDELT2": 0.05}
    fits.PrimaryHDU(np.ones((n_pixels, n_pixels)), fits.Header(cards)).writeto(path, overwrite=True)


def test_empty_section_is_not_null(place, hli, products):
    """A section that is null by default, {} for its defaults, changes the product: the step runs."""
    text = (place / "sim.yaml").read_text().replace("flux_points]", "light_curve]")
    sections = {"plain": "null", "empty": "{}", "full": "{samples_per_peak: 5}"}
    for name, section in sections.items():
        Path(f"{name}.yaml").write_text(f"{text}light_curve: {{periodogram: {section}}}\n")
    assert hli("run", "-c", "plain.yaml", "-q").code == 0
    before = products("out")
    assert "light_curve.periodogram set to {} (empty.yaml" in hli("plan", "-c", "empty.yaml").out
    assert hli("run", "-c", "empty.yaml", "-q").code == 0
    for name in ("empty", "full"):
        assert hli("run", "-c", f"{name}.yaml", "--outdir", name, "-q").code == 0
        assert products(name) == products("out") != before
        assert " run " not in hli("plan", "-c", f"{name}.yaml").out
    assert "light_curve.periodogram no longer set (was {})" in hli("plan", "-c", "plain.yaml").out
    assert hli("run", "-c", "plain.yaml", "-q").code == 0
    assert products("out") == before
