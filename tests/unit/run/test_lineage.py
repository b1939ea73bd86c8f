"""From a file back to what it was made from, and whether all is as it was."""

import shutil

import pytest

from gammapy_hli.base.errors import FolderError, InputError
from gammapy_hli.run.chain_runner import run_chain
from gammapy_hli.run.lineage import check_session, locate, read_session
from gammapy_hli.run.step import Option, Step


class Writes:
    """Writes its word and those of its inputs."""

    recipe_version = 1

    def __init__(self, word):
        self.word = word

    def run(self, context, **inputs):
        return self.word + "".join(inputs.values())

    def write_product(self, product, folder):
        (folder / "below").mkdir()
        (folder / "below" / "a.yaml").write_text(f"word: {product}\n")
        (folder / "note.txt").write_text(product)

    def read_product(self, folder, inputs=None):
        return (folder / "note.txt").read_text()


def run(folder, word="1", only=None):
    """Steps one -> two, and three on its own; one reads a file beside the outdir."""
    data = folder / "data.txt"
    if not data.exists():
        data.write_text("events")
    steps = [
        Step("one", Writes(word), {"one.word": Option(word, "crab.yaml:1:1")}, files=(data,)),
        Step("three", Writes("3")),
        Step("two", Writes("2"), inputs={"ones": "one"}),
    ]
    run_chain([step for step in steps if only is None or step.name in only], outdir=folder / "out")
    return folder / "out"


@pytest.fixture
def outdir(tmp_path):
    return run(tmp_path)


def states(outdir):
    """What is not whole, by kind and the end of its name."""
    return {
        (one.kind, one.path.rpartition("/")[2], one.state)
        for one in check_session(read_session(outdir))
        if one.state != "whole"
    }


def test_file_of_an_outdir_is_found_with_all_that_it_comes_from(outdir):
    place = locate(outdir / "two" / "below" / "a.yaml")
    assert (place.step, place.product.path, place.is_whole) == ("two", "below/a.yaml", True)
    assert list(place.session.back_from(place.step).manifests) == ["one", "two"]
    assert list(locate(outdir / "one").session.back_from("one").manifests) == ["one"]
    assert set(locate(outdir).session.back_from(None).manifests) == {"one", "two", "three"}


def test_copied_file_is_known_by_content_whatever_its_name(outdir, tmp_path):
    shutil.copy(outdir / "two" / "note.txt", tmp_path / "renamed.dat")
    place = locate(tmp_path / "renamed.dat", outdir)
    assert (place.step, place.product.path, place.is_whole) == ("two", "note.txt", True)


def test_changed_copy_is_known_by_its_record(outdir, tmp_path):
    copy = tmp_path / "a.yaml"
    copy.write_text((outdir / "two" / "below" / "a.yaml").read_text() + "more: 1\n")
    place = locate(copy, outdir)
    assert (place.step, place.product.path, place.is_whole) == ("two", "below/a.yaml", False)


def test_changed_product_is_told(outdir):
    (outdir / "two" / "note.txt").write_text("changed")
    assert not locate(outdir / "two" / "note.txt").is_whole


LOST = {
    "no file": (lambda outdir: outdir / "nothing.fits", None, "nothing.fits: no such file"),
    "a note of the user": (lambda outdir: outdir / "two" / "notes.txt", "mine", "that 'two' wrote.*mean 'note.txt'"),
    "a record of all": (lambda outdir: outdir / "history.jsonl", None, "no product of a step.*Steps: one, three, two"),
    "elsewhere": (lambda outdir: outdir.parent / "data.txt", None, "in no output folder.*--outdir FOLDER"),
}  # fmt: skip


@pytest.mark.parametrize(("path", "content", "message"), LOST.values(), ids=LOST)
def test_what_is_no_product_is_told(outdir, path, content, message):
    if content:
        path(outdir).write_text(content)
    with pytest.raises(InputError, match=message):
        locate(path(outdir))


def test_file_of_another_folder_is_told_with_its_record(outdir, tmp_path):
    (tmp_path / "other").mkdir()
    other = run(tmp_path / "other", word="9")
    with pytest.raises(InputError, match=r"step 'two', key [0-9a-f]{32}; no step in .* has that key"):
        locate(other / "two" / "below" / "a.yaml", outdir)
    (tmp_path / "x.txt").write_text("x")
    with pytest.raises(InputError, match="has no record of provenance"):
        locate(tmp_path / "x.txt", outdir)


def test_folder_without_products_is_told(tmp_path):
    with pytest.raises(FolderError, match="holds no product of a step"):
        read_session(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        read_session(tmp_path / "nothing")


def test_all_is_whole_after_a_run(outdir):
    findings = list(check_session(read_session(outdir)))
    assert {one.state for one in findings} == {"whole"}
    assert sum(one.kind == "input" for one in findings) == 1
    assert sum(one.kind == "product" for one in findings) == 6


def test_every_change_is_found(outdir, tmp_path):
    (tmp_path / "data.txt").write_text("other!")
    (outdir / "one" / "note.txt").unlink()
    (outdir / "two" / "below" / "a.yaml").write_text("word: x\n")
    assert states(outdir) == {
        ("input", "data.txt", "changed"),
        ("product", "note.txt", "missing"),
        ("product", "a.yaml", "changed"),
    }


def test_a_step_whose_input_has_run_again_is_out_of_date(outdir, tmp_path):
    run(tmp_path, word="9", only=["one"])
    assert states(outdir) == {("step", "one", "out of date")}
    shutil.rmtree(outdir / "one")
    assert states(outdir) == {("step", "one", "missing")}
