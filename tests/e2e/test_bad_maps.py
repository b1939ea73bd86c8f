"""Maps with bad input: one clear message, the right exit code, the other runs unharmed, nothing half written."""

import json
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits

from gammapy_hli.engine.geom.sky_map import SkyMap
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry

CONFIG = """\
config_version: 1
general: {outdir: out}
steps: [selection, reduction, model, fit]
selection: {datastore: store, obs_ids: [1, 2, 3]}
reduction:
  type: map
  geometry: {center: "83.633 deg, 22.0145 deg", width: [2 deg, 2 deg], pixel: 0.05 deg}
  energy: {min: 0.5 TeV, max: 10 TeV, nbins: 3}
  energy_true: {min: 0.3 TeV, max: 20 TeV, nbins: 5}
  background: {method: fov, exclusion: {regions: ["icrs;circle(83.633,22.0145,0.3)"]}}
  safe_mask: {methods: [aeff-max]}
model:
  sources:
    crab:
      spectral: {type: pl, index: 2, amplitude: 1e-11 cm-2 s-1 TeV-1, reference: 1 TeV}
      spatial: {type: point, lon_0: 83.633 deg, lat_0: 22.0145 deg}
"""
RUN = ("run", "-c", "changed.yaml", "--no-progress", "-q")
REDUCE = ("--until", "reduction")
MASK = "reduction: {background: {exclusion: {regions: [], mask: mask.fits}}}"


@pytest.fixture
def maps(place):
    """A working directory with the store and ``maps.yaml``; writes what a test changes into ``changed.yaml``."""
    (place / "maps.yaml").write_text(CONFIG, encoding="utf-8")

    def change(text):
        (place / "changed.yaml").write_text(f"extends: [maps.yaml]\n{text}\n", encoding="utf-8")

    change("")
    return change


def run_file(number):
    return Path(f"store/data/sim_obs_id_{number:06d}.fits.gz")


def change_run(number, change):
    with fits.open(run_file(number)) as hdus:
        change(hdus)
        hdus.writeto("changed.fits.gz")
    Path("changed.fits.gz").replace(run_file(number))


def write_mask(ra, dec, width=3.0, value=1):
    geometry = WcsGeometry.create(SkyCoord(ra, dec, unit="deg"), width * u.deg, 0.1 * u.deg, projection="TAN")
    SkyMap(geometry, (), np.full(geometry.shape, value, dtype=np.uint8)).write("mask.fits")


def summary():
    return json.loads(Path("out/summary.json").read_text(encoding="utf-8"))


def point_elsewhere(hdus):
    hdus["EVENTS"].header["RA_PNT"] = 10.0


def without_area(hdus):
    hdus["AEFF"].data["EFFAREA"][:] = 0


def without_background(hdus):
    hdus["BKG"].data["BKG"][:] = 0


# -- one bad run among good ones -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def without_run_2(tmp_path_factory, simulated_store):
    """What a reduction of runs 1 and 3 gives."""
    from gammapy_hli.cli.main import main

    folder = tmp_path_factory.mktemp("two")
    (folder / "maps.yaml").write_text(CONFIG.replace("datastore: store", f"datastore: {simulated_store}"))
    words = ("run", "-c", str(folder / "maps.yaml"), "-q", "--outdir", str(folder / "out"), *REDUCE)
    assert main([*words, "--selection.obs_ids", "1", "3"]) == 0
    return json.loads((folder / "out" / "summary.json").read_text(encoding="utf-8"))["reduction"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (point_elsewhere, "run 2 is left out: points 67."),
        (without_area, "run 2 is left out: no exposure: the effective area is 0 on the whole map between 0.3 TeV"),
        (without_background, "run 2 is left out: FoV background: "),
    ],
    ids=["points elsewhere", "no exposure", "no background"],
)
def test_a_bad_run_is_left_out_and_told(maps, hli, without_run_2, change, words):
    change_run(2, change)
    said = hli(*RUN, *REDUCE)
    assert said.code == 4
    assert words in said.err
    assert summary()["reduction"] == {**without_run_2, "n_dropped": 1}


def test_a_run_that_the_exclusion_covers_is_left_out(maps, hli):
    pointings = [fits.getheader(run_file(number), "EVENTS")["RA_PNT"] for number in (1, 2, 3)]
    east = 1 + int(np.argmax(pointings))
    maps(
        "reduction: {offset_max: 0.3 deg, background: {exclusion: {regions: ["
        f'"icrs;circle({max(pointings)},22.0145,0.45)"]}}}}}}'
    )
    said = hli(*RUN, *REDUCE)
    assert said.code == 4
    assert f"run {east} is left out: FoV background: 0 background counts outside of the exclusion" in said.err
    assert summary()["reduction"]["n_dropped"] == sum(ra == max(pointings) for ra in pointings)


# -- told before any work --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (MASK, ["exclusion.mask", "mask.fits covers no pixel of the map of 2 x 2 deg around 83.633, 22.0145 deg icrs"]),
        (
            'reduction: {background: {exclusion: {regions: ["icrs;circle(83.6,22,4)"]}}}',
            ["changed.yaml:2:47: reduction.background.exclusion.regions: all of the map", "nothing is left"],
        ),
        (
            "reduction: {energy_true: {min: 30 TeV, max: 90 TeV}}",
            ["energy_true.min", "30 TeV (changed.yaml:2:32)", "do not overlap", "0.5 TeV (maps.yaml:8:17)"],
        ),
        (
            "reduction: {background: {exclusion: {models: nope.yaml}}}",
            ["nope.yaml"],
        ),
        (
            "reduction: {type: image, background: {method: irf, exclusion: {from_significance: {}}}}",
            ["from_significance", "reduction.background.method irf (changed.yaml:2:", "leaves out none"],
        ),
    ],
    ids=["mask of another sky", "all excluded", "energies apart", "no models file", "search for nothing"],
)
def test_options_that_cannot_work_are_told_before_any_work(maps, hli, text, words):
    write_mask(120, 10)
    maps(text)
    said = hli(*RUN)
    assert said.code in (2, 3)
    for word in words:
        assert word in said.err
    assert not Path("out/selection").exists()


def test_a_template_of_a_wrong_unit_is_told_before_any_work(maps, hli):
    geometry = WcsGeometry.create(SkyCoord(83.633, 22.0145, unit="deg"), 1 * u.deg, 0.1 * u.deg)
    SkyMap(geometry, (), np.ones(geometry.shape), "m2 s").write("template.fits")
    maps("model: {sources: {crab: {spatial: {type: template, filename: template.fits, normalize: false}}}}")
    said = hli(*RUN)
    assert said.code == 3
    assert "template.fits: unit of the map (BUNIT) is 'm2 s'; expected 'sr-1'" in said.err
    assert not Path("out/selection").exists()


# -- found on the way ------------------------------------------------------------------------------------------------


def test_a_source_off_the_map_is_told_and_the_reduction_stays(maps, hli):
    maps("model: {sources: {crab: {spatial: {lon_0: 90 deg}}}}")
    said = hli(*RUN)
    assert said.code == 3
    assert "source 'crab' at (90.0000, 22.0145) deg lies outside of the used pixels of dataset 'stacked'" in said.err
    assert Path("out/reduction/stacked.fits").is_file()
    assert not Path("out/fit/fit.yaml").exists()


def test_a_mask_that_covers_a_part_is_a_warning(maps, hli):
    write_mask(83.633, 22.0145, width=1.0)
    maps(MASK)
    said = hli(*RUN, *REDUCE)
    assert said.code == 0
    assert "mask.fits covers 25.0 % of the map of 2 x 2 deg" in said.err


def test_energies_that_do_not_fit_have_no_sum(maps, hli):
    maps(
        "steps: [selection, reduction@a, reduction@b, model, fit]\n"
        "reduction@b: {energy: {min: 1 TeV}}\n"
        "fit: {stack: true, inputs: {datasets: [reduction@a, reduction@b]}}"
    )
    said = hli(*RUN)
    assert said.code == 3
    assert "stack: the energy axis of b has 3 bins from 1 TeV to 10 TeV, that of the sum 3 from 0.5 TeV" in said.err


# -- what is good works ----------------------------------------------------------------------------------------------


def test_single_maps_fit_jointly_and_as_their_sum(maps, hli):
    maps(
        "steps: [selection, reduction, model, fit, fit@sum, maps]\n"
        "reduction: {stack: false}\nfit@sum: {stack: true}\nmaps: {inputs: {fit_result: fit@sum}}"
    )
    assert hli(*RUN).code == 0
    joint, stacked = summary()["fit"], summary()["fit@sum"]
    norms = [name for name in joint["parameters"] if name.endswith("-bkg.spectral.norm")]
    assert norms == ["1-bkg.spectral.norm", "2-bkg.spectral.norm", "3-bkg.spectral.norm"]
    name = "crab.spectral.amplitude"
    pull = (joint["parameters"][name]["value"] - stacked["parameters"][name]["value"]) / joint["parameters"][name][
        "error"
    ]
    assert abs(pull) < 0.2
    assert stacked["parameters"]["stacked-bkg.spectral.norm"]["value"] == pytest.approx(1, abs=0.1)


def test_groups_of_runs_are_summed_and_fitted_jointly(maps, hli):
    maps(
        "reduction: {group: {column: OBS_ID, edges: [1, 3, 4]}}\nfit@sum: {stack: true}\nsteps: [selection, reduction, "
        "model, fit, fit@sum]"
    )
    assert hli(*RUN).code == 0
    assert Path("out/reduction/stacked-1-3.fits").is_file()
    joint, stacked = summary()["fit"], summary()["fit@sum"]
    assert joint["parameters"].keys() - stacked["parameters"].keys() == {
        "stacked-1-3-bkg.spectral.norm",
        "stacked-3-4-bkg.spectral.norm",
    }
    maps("reduction: {group: {column: TELSCOP}}")
    said = hli(*RUN)
    assert said.code == 2
    assert "reduction.group.column: no column 'TELSCOP' to group runs by. Did you mean 'TELESCOP'?" in said.err


def test_the_search_for_significant_sky_finds_the_source(maps, hli):
    search = "exclusion: {regions: [], from_significance: {threshold: 5, radius: 0.1 deg}}"
    maps(f"reduction: {{type: image, background: {{method: ring, ring: {{inner_radius: 0.3 deg}}, {search}}}}}")
    assert hli(*RUN, *REDUCE).code == 0
    mask = SkyMap.read("out/reduction/exclusion.fits")
    x, y = mask.geometry.position_to_pixel(SkyCoord(83.633, 22.0145, unit="deg"))
    assert not mask.data[int(y), int(x)]
    assert mask.data[:8].all()
    assert mask.meta["is_stable"]
    numbers = summary()["reduction"]
    assert numbers["exclusion_rounds"] == mask.meta["rounds"] >= 2
    assert numbers["excluded_fraction"] == pytest.approx((~mask.data).mean())


@pytest.mark.parametrize(
    ("search", "code", "words"),
    [
        ("{iterations: 1}", 4, ["still found", "from_significance.iterations, which is 1", "raise the threshold"]),
        ("{threshold: 1}", 3, ["of the sky for the background after round", "too little", "Raise the threshold"]),
    ],
)
def test_a_search_that_is_not_done_or_takes_everything_is_told(maps, hli, search, code, words):
    exclusion = f"exclusion: {{regions: [], from_significance: {search}}}"
    maps(f"reduction: {{type: image, background: {{method: ring, ring: {{inner_radius: 0.3 deg}}, {exclusion}}}}}")
    said = hli(*RUN, *REDUCE)
    assert said.code == code
    for word in words:
        assert word in said.err
    assert Path("out/reduction").exists() == (code == 4)
