"""Bad input with real bytes: one clear message, the right exit code, the other runs unharmed, nothing half written."""

import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from astropy.io import fits

RUN = ("run", "-c", "sim.yaml", "--no-progress")


@pytest.fixture(scope="module")
def numbers_without_run_2(tmp_path_factory, simulated_store, finished_session):
    """The summary of an analysis of runs 1 and 3."""
    from gammapy_hli.cli.main import main

    out = tmp_path_factory.mktemp("without") / "out"
    config = finished_session / "sim.yaml"
    assert main(["run", "-c", str(config), "-q", "--outdir", str(out), "--selection.obs_ids", "1", "3"]) == 0
    return json.loads((out / "summary.json").read_text())


def run_file(number):
    return Path(f"store/data/sim_obs_id_{number:06d}.fits.gz")


def rewrite_index(change):
    """Change the rows of the HDU index."""
    path = "store/hdu-index.fits.gz"
    with fits.open(path) as hdus:
        rows, header = change(hdus[1].data.copy()), hdus[1].header
        fits.HDUList([hdus[0].copy(), fits.BinTableHDU(rows, header)]).writeto(path, overwrite=True)


def unpack(number):
    """The file of a run without gzip, known to the index."""
    path = run_file(number)
    plain = path.with_suffix("")
    plain.write_bytes(gzip.decompress(path.read_bytes()))
    path.unlink()

    def rename(rows):
        rows["FILE_NAME"][rows["OBS_ID"] == number] = plain.name
        return rows

    rewrite_index(rename)
    return plain


def rewrite_file(path, change):
    """Write a FITS file anew after a change of its HDUs."""
    with fits.open(path) as hdus:
        change(hdus)
        hdus.writeto("changed.fits")
    os.replace("changed.fits", path)


def cut_in_half(path):
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def truncate_gz():
    cut_in_half(run_file(2))
    return "sim_obs_id_000002.fits.gz: broken gzip file"


def truncate_plain():
    cut_in_half(unpack(2))
    return "sim_obs_id_000002.fits, HDU EDISP: truncated; its data need"


def empty_file():
    unpack(2).write_bytes(b"")
    return "sim_obs_id_000002.fits: "


def garbage():
    unpack(2).write_bytes(bytes(range(256)) * 50)
    return "not a FITS file"


def no_file():
    run_file(2).unlink()
    return "no such file: sim_obs_id_000002.fits.gz"


def no_hdu_in_file():
    def drop(hdus):
        del hdus["AEFF"]

    rewrite_file(unpack(2), drop)
    return "no HDU 'AEFF'; found PRIMARY, EVENTS, GTI, EDISP"


def no_hdu_in_index():
    rewrite_index(lambda rows: rows[~((rows["OBS_ID"] == 2) & (rows["HDU_TYPE"] == "aeff"))])
    return "run 2 is left out: no 'aeff' HDU in the index"


def no_events():
    def empty(hdus):
        hdus["EVENTS"].data = hdus["EVENTS"].data[:0]

    rewrite_file(unpack(2), empty)
    return "the event list is empty"


def far_pointing():
    def move(hdus):
        for hdu in hdus:
            if "RA_PNT" in hdu.header:
                hdu.header["RA_PNT"] = 10.0

    rewrite_file(unpack(2), move)
    return "on region outside the field of view"


SPOILERS = [
    *(truncate_gz, truncate_plain, empty_file, garbage, no_file, no_hdu_in_file, no_hdu_in_index, no_events),
    far_pointing,
]


@pytest.mark.parametrize("spoil", SPOILERS, ids=[spoil.__name__ for spoil in SPOILERS])
def test_bad_run_is_left_out_with_its_reason_and_the_others_are_unharmed(
    place, hli, leftovers, numbers_without_run_2, spoil
):
    reason = spoil()
    outcome = hli(*RUN)
    assert outcome.code == 4
    assert reason in outcome.err + outcome.out
    assert "look at: " in outcome.out
    assert "Traceback" not in outcome.err
    found = json.loads((place / "out" / "summary.json").read_text())
    for numbers in (found, numbers_without_run_2 := json.loads(json.dumps(numbers_without_run_2))):
        del numbers["selection"], numbers["reduction"]["n_dropped"]
    assert found == numbers_without_run_2
    listed = (place / "out" / "reduction" / "info.ecsv").read_text() + (
        place / "out" / "selection" / "observations.ecsv"
    ).read_text()
    assert reason.partition(": ")[2].strip() in listed or reason in listed
    assert leftovers("out") == []


def test_bad_run_that_is_mended_is_taken_in_again(place, hli, products, finished_session):
    whole = run_file(2).read_bytes()
    truncate_gz()
    assert hli(*RUN).code == 4
    run_file(2).write_bytes(whole)
    assert hli(*RUN).code == 0
    assert products("out") == products(finished_session / "out")


def test_file_that_comes_back_is_taken_in_again(place, hli, products, finished_session):
    os.rename(run_file(2), "elsewhere.fits.gz")
    assert hli(*RUN).code == 4
    assert " done" not in hli(*RUN).out
    os.rename("elsewhere.fits.gz", run_file(2))
    outcome = hli(*RUN)
    assert outcome.code == 0
    assert "sim_obs_id_000002.fits.gz can be read now" in outcome.err
    assert products("out") == products(finished_session / "out")


def test_run_that_goes_bad_later_is_noticed(place, hli):
    assert hli(*RUN).code == 0
    truncate_gz()
    outcome = hli(*RUN)
    assert outcome.code == 4
    assert "has changed" in outcome.err


def test_nothing_left_is_exit_3_with_the_reason_of_each_run(place, hli, leftovers):
    for number in (1, 2, 3):
        cut_in_half(run_file(number))
    outcome = hli(*RUN)
    assert outcome.code == 3
    assert "no run could be reduced:\n  run 1: " in outcome.err
    assert outcome.err.count("broken gzip file") == 3
    assert "--debug" not in outcome.err
    assert not (place / "out" / "reduction").exists()
    assert leftovers("out") == []


def test_on_error_stop_ends_at_the_first_bad_run(place, hli):
    truncate_gz()
    outcome = hli(*RUN, "--general.on_error", "stop")
    assert outcome.code == 3
    assert "step 'reduction' failed: run 2: " in outcome.err
    assert not (place / "out" / "reduction").exists()
    no_file()
    outcome = hli(*RUN, "--general.on_error", "stop", "--force", "selection")
    assert outcome.code == 3
    assert "step 'selection' failed: run 2: no such file" in outcome.err


def test_on_region_outside_all_fields_of_view_is_exit_3(place, hli):
    outcome = hli(*RUN, "--reduction.on_region", "icrs;circle(100,22,0.1)")
    assert outcome.code == 3
    assert "on region outside the field of view: 15.15 deg from the pointing" in outcome.err


def test_exclusion_of_everything_is_exit_3_and_says_that_no_off_region_is_left(place, hli):
    outcome = hli(*RUN, "--reduction.background.exclusion.regions", "icrs;circle(83.633,22.0145,3)")
    assert outcome.code == 3
    assert "no off region: all 53 positions 0.50 deg from the pointing touch the exclusion mask" in outcome.err


def test_unknown_run_number_is_exit_3_before_any_work_and_names_option_and_neighbors(place, hli):
    outcome = hli(*RUN, "--selection.obs_ids", "1", "2", "33")
    assert outcome.code == 3
    assert "selection.obs_ids (command line (--selection.obs_ids))" in outcome.err
    assert "no run 33; nearest are 1, 2, 3" in outcome.err
    assert not Path("out").exists()
    assert hli("config", "check", "sim.yaml", "--inputs", "--selection.obs_ids", "33").code == 3


def test_file_of_run_numbers_is_checked_before_any_work(place, hli):
    Path("runs.txt").write_text("1\nx2\n")
    outcome = hli(*RUN, "--selection.obs_file", "runs.txt")
    assert outcome.code == 3
    assert "runs.txt:2: 'x2' is no run number" in outcome.err
    assert not Path("out").exists()


@pytest.mark.parametrize("name", ["hdu-index.fits.gz", "obs-index.fits.gz"])
def test_truncated_index_is_exit_3_before_any_work(place, hli, name):
    cut_in_half(Path("store") / name)
    outcome = hli(*RUN)
    assert outcome.code == 3
    assert f"store/{name}: broken gzip file" in outcome.err
    assert not Path("out").exists()


def test_data_store_that_is_not_there_is_exit_3_and_names_the_place_in_the_file(place, hli):
    outcome = hli(*RUN, "--selection.datastore", "nowhere")
    assert outcome.code == 3
    assert "command line (--selection.datastore): folder not found: nowhere" in outcome.err
    assert "folder not found: stor. Did you mean 'store'?" in hli(*RUN, "--selection.datastore", "stor").err
    os.rename("store", "moved")
    assert "sim.yaml:5:14: selection.datastore: folder not found" in hli(*RUN).err
    Path("store").write_text("no folder")
    assert "is a file; expected a folder" in hli(*RUN).err
    assert not Path("out").exists()


def test_folder_without_index_is_exit_3(place, hli):
    Path("empty").mkdir()
    outcome = hli(*RUN, "--selection.datastore", "empty")
    assert outcome.code == 3
    assert "empty: no hdu-index.fits.gz or hdu-index.fits; found nothing" in outcome.err


def test_selection_of_nothing_is_exit_3_and_says_what_left_the_runs_out(place, hli):
    outcome = hli(*RUN, "--selection.zenith_max", "1 deg")
    assert outcome.code == 3
    assert "none of 3 runs is selected: 3 by zenith. For example: zenith 20 deg > 1 deg" in outcome.err


MODELS = """\
components:
- name: crab
  type: SkyModel
  spectral:
    type: PowerLawSpectralModel
    parameters:
    - {name: index, value: 2.0}
    - {name: amplitude, value: 1e-11, unit: cm-2 s-1 TeV-1}
"""


def use_models_file(text):
    Path("models.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    config = Path("sim.yaml").read_text()
    head, tail = config.index("model:"), config.index("flux_points:")
    Path("sim.yaml").write_text(config[:head] + "model: {file: models.yaml}\n" + config[tail:])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MODELS.replace("name: index", "name: indx"), "has no parameter 'indx'. Did you mean 'index'?"),
        (MODELS.replace("PowerLawSp", "PowrLawSp"), "'PowrLawSpectralModel'. Did you mean 'PowerLawSpectralModel'?"),
        (MODELS.replace("cm-2 s-1 TeV-1", "cm-2 s-1"), "expected a unit convertible to TeV-1 s-1 cm-2"),
        ("components: [\n", "not valid YAML"),
        (bytes(range(256)), "binary file"),
    ],
    ids=["parameter", "type", "unit", "syntax", "binary"],
)
def test_models_file_with_a_mistake_is_exit_2_before_any_work(place, hli, text, message):
    use_models_file(text)
    outcome = hli(*RUN)
    assert outcome.code == 2
    assert "models.yaml" in outcome.err
    assert message in outcome.err
    assert not Path("out").exists()


def test_good_models_file_is_used(place, hli):
    use_models_file(MODELS)
    assert hli(*RUN).code == 0


def test_source_that_no_model_has_is_exit_2_before_any_work(place, hli):
    outcome = hli(*RUN, "--flux_points.source", "crap")
    assert outcome.code == 2
    assert "'crap' is not a source of the model (sim.yaml:13:3), which has crab. Did you mean 'crab'?" in outcome.err
    use_models_file(MODELS)
    outcome = hli(*RUN, "--flux_points.source", "crap")
    assert outcome.code == 2
    assert "which has crab" in outcome.err
    assert not Path("out").exists()


# -- places of output ----------------------------------------------------------------------------------------------


def test_outdir_that_holds_something_else_is_exit_5_unless_allowed(place, hli):
    Path("out").mkdir()
    Path("out/thesis.tex").write_text("ten years of work")
    outcome = hli(*RUN)
    assert outcome.code == 5
    assert "out holds files that are not of gammapy_hli (thesis.tex)" in outcome.err
    assert [path.name for path in Path("out").iterdir()] == ["thesis.tex"]
    assert hli(*RUN, "--overwrite").code == 0
    assert Path("out/thesis.tex").read_text() == "ten years of work"


def test_configuration_of_a_person_is_never_replaced(place, hli):
    Path("out").mkdir()
    os.rename("sim.yaml", "out/config.yaml")
    before = Path("out/config.yaml").read_bytes()
    outcome = hli("run", "-c", "out/config.yaml", "--overwrite", "--no-progress")
    assert outcome.code in (3, 5)
    outcome = hli("run", "-c", "out/config.yaml", "--overwrite", "--selection.datastore", "store")
    assert outcome.code == 5
    assert "was not written by gammapy_hli and would be replaced; give it another name" in outcome.err
    assert Path("out/config.yaml").read_bytes() == before


@pytest.mark.parametrize("outdir", ["store", "store/data", "store/new/deep", "link/new"])
@pytest.mark.parametrize("more", [(), ("--overwrite",)], ids=["plain", "overwrite"])
def test_outdir_in_the_data_store_is_refused_and_both_places_are_named(place, hli, all_states, outdir, more):
    os.symlink("store", "link")
    before = all_states("store")
    outcome = hli(*RUN, "--outdir", outdir, *more)
    assert outcome.code == 2
    assert "command line (--outdir)" in outcome.err
    assert "the input 'selection.datastore' (sim.yaml:5:14); nothing is written to an input" in outcome.err
    assert all_states("store") == before


def test_input_where_a_step_writes_is_refused(session, hli):
    outcome = hli(*RUN, "--model.file", "out/fit/models.yaml")
    assert outcome.code == 2
    assert "nothing is written to an input" in outcome.err
    assert hli(*RUN, "--model.file", "out/fit/models.yaml", "--outdir", "new").code == 0


@pytest.mark.parametrize("outdir", ["/dev/null", "sim.yaml", "/proc/nothing/here"])
def test_outdir_that_cannot_be_a_folder_is_exit_5(place, hli, outdir):
    outcome = hli(*RUN, "--outdir", outdir)
    assert outcome.code == 5
    assert f"{outdir}" in outcome.err
    assert "choose another general.outdir" in outcome.err.lower()


def as_a_user(*words):
    """Call the command without the right of root to read and write everything."""
    lowered = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    if lowered and shutil.which("setpriv") is None:
        pytest.skip("root reads and writes everything, and there is no setpriv")
    command = [*lowered, sys.executable, "-m", "gammapy_hli", *words]
    return subprocess.run(command, capture_output=True, text=True)


def test_read_only_outdir_is_exit_5(session):
    os.chmod("out", 0o555)
    done = as_a_user(*RUN, "--force")
    os.chmod("out", 0o755)
    assert done.returncode == 5
    assert "out: cannot write here (Permission denied); choose another general.outdir" in done.stderr


def test_run_that_must_not_be_read_is_left_out(place):
    os.chmod(run_file(2), 0)
    done = as_a_user(*RUN)
    assert done.returncode == 4
    assert "run 2 is left out: " in done.stdout
    assert "cannot be read (Permission denied)" in done.stdout


def test_store_that_must_not_be_read_is_exit_3(place):
    os.chmod("store", 0)
    done = as_a_user(*RUN)
    os.chmod("store", 0o755)
    assert done.returncode == 3
    assert "store/hdu-index.fits.gz: cannot be read (Permission denied)" in done.stderr


# -- configuration files -------------------------------------------------------------------------------------------

BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{level}: &a{level} [{','.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 10)
)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (bytes(range(256)), "c.yaml: is a binary file; expected text in YAML or JSON"),
        (b"#" * 100_000_000, "c.yaml: is larger than 10 MB"),
        (BOMB.encode(), "aliases expand to more than 10000 values"),
        (b"selection:\n\tdatastore: x\n", "c.yaml:2:1: a tab is used for indentation"),
        (b"[1, 2]", "[1, 2] is not a configuration"),
        (b"selection: 3\n", "selection: 3 is not a section"),
    ],
    ids=["binary", "100MB", "bomb", "tab", "list", "scalar"],
)
def test_bad_configuration_file_is_one_located_problem(place, hli, data, message):
    Path("c.yaml").write_bytes(data)
    outcome = hli("run", "-c", "c.yaml")
    assert outcome.code == 2
    assert outcome.err.startswith("gammapy-hli: 1 configuration problem\n"), outcome.err
    assert message in outcome.err


def test_empty_configuration_says_what_is_required(place, hli):
    Path("c.yaml").write_bytes(b"")
    outcome = hli("run", "-c", "c.yaml")
    assert outcome.code == 2
    for path in ("selection.datastore", "reduction.on_region", "model.sources"):
        assert path in outcome.err


def test_misspelt_section_is_not_missing_as_well(place, hli):
    Path("sim.yaml").write_text(Path("sim.yaml").read_text().replace("selection:\n", "selektion:\n"))
    outcome = hli(*RUN)
    assert outcome.err.startswith("gammapy-hli: 1 configuration problem\n"), outcome.err
    assert "sim.yaml:4:1: unknown key 'selektion'. Did you mean 'selection'?" in outcome.err


def test_missing_configuration_is_exit_2(place, hli):
    outcome = hli("run", "-c", "nope.yaml")
    assert outcome.code == 2
    assert "nope.yaml: there is no such file" in outcome.err
    assert "smi.yaml: there is no such file. Did you mean 'sim.yaml'?" in hli("run", "-c", "smi.yaml").err
    outcome = hli("run")
    assert outcome.code == 2
    assert "no configuration: give -c FILE" in outcome.err


@pytest.mark.parametrize("option", ["reduction.on_region", "reduction.background.exclusion.regions"])
def test_region_that_is_none_is_exit_2_before_any_work(place, hli, option):
    outcome = hli(*RUN, f"--{option}", "icrs;circle(10)")
    assert outcome.code == 2
    assert f"command line (--{option})" in outcome.err
    assert "'icrs;circle(10)' has 1 number; a circle has lon and lat, and besides them a radius" in outcome.err
    Path("regions.reg").write_text("no region here")
    outcome = hli(*RUN, f"--{option}", "regions.reg")
    assert outcome.code in (2, 3)
    assert "regions.reg" in outcome.err
    assert "unexpected" not in outcome.err
    assert not Path("out").exists()
