"""Inputs that stand elsewhere count for what is in them, not for where they are."""

import pytest

from gammapy_hli.run.chain_runner import plan_chain, run_chain
from gammapy_hli.run.plan import Moves
from gammapy_hli.run.step import Option, Step
from gammapy_hli.run.wish import Wish


class Reads:
    """Joins the contents of its files."""

    keeps_paths = False

    def __init__(self, *files):
        self.files = files

    def run(self, context, **inputs):
        return "".join(path.read_text() for path in self.files)

    def input_files(self, **inputs):
        return self.files

    def write_product(self, product, folder):
        (folder / "a.txt").write_text(product)

    def read_product(self, folder, inputs):
        return (folder / "a.txt").read_text()


class KeepsPaths(Reads):
    keeps_paths = True


def chain(folder, text=None, tool=Reads):
    """A step that reads the index of a folder, and one without options that reads what the index names."""
    text = str(folder) if text is None else text
    option = {"first.store": Option(text, "a.yaml:1:1", is_path=True)}
    first = Step("first", tool(folder / "index"), option, places={"first.store": str(folder)})
    return [first, Step("second", Reads(folder / "events" / "1"), inputs={"index": "first"})]


def make_store(folder, index="i", events="e"):
    (folder / "events").mkdir(parents=True)
    (folder / "index").write_text(index)
    (folder / "events" / "1").write_text(events)
    return folder


@pytest.fixture
def done(tmp_path):
    """A finished session on the store ``a``."""
    run_chain(chain(make_store(tmp_path / "a")), outdir=tmp_path / "out")
    return tmp_path


@pytest.mark.parametrize("is_copy", [True, False], ids=["copied", "moved"])
def test_same_files_elsewhere_run_nothing(done, is_copy):
    if is_copy:
        make_store(done / "b")
    else:
        (done / "a").rename(done / "b")
    plan = plan_chain(chain(done / "b"), outdir=done / "out")
    assert plan.to_run == ()
    assert run_chain(chain(done / "b"), outdir=done / "out").executed == ()


def test_other_events_elsewhere_run_what_reads_them_although_the_old_ones_are_there(done):
    make_store(done / "b", events="other")
    plan = plan_chain(chain(done / "b"), outdir=done / "out")
    assert plan.to_run == ("second",)
    assert plan["second"].reason == f"input file {done}/b/events/1 has changed"
    assert run_chain(chain(done / "b"), outdir=done / "out").product("second") == "other"
    assert plan_chain(chain(done / "b"), outdir=done / "out").to_run == ()


def test_place_that_lacks_a_file_is_told(done):
    make_store(done / "b")
    (done / "b" / "events" / "1").unlink()
    plan = plan_chain(chain(done / "b"), outdir=done / "out")
    assert plan["second"].reason == f"input file {done}/b/events/1 is missing"


def test_other_index_elsewhere_names_the_option(done):
    make_store(done / "b", index="j")
    reason = plan_chain(chain(done / "b"), outdir=done / "out")["first"].reason
    assert reason.startswith("first.store changed ...")
    assert f"/b (a.yaml:1:1); input file {done}/b/index has changed" in reason


def test_variable_that_means_another_place_is_seen(done):
    text = "$STORE"
    run_chain(chain(done / "a", text), outdir=done / "out")
    make_store(done / "b", events="other")
    assert plan_chain(chain(done / "b", text), outdir=done / "out").to_run == ("second",)


def test_first_step_that_ran_at_the_new_place_leaves_the_second_to_look_there(done):
    """Interrupted between the two, with the old files still there."""
    make_store(done / "b", events="other")
    run_chain(chain(done / "b"), outdir=done / "out", wish=Wish(only={"first"}, force=True))
    assert plan_chain(chain(done / "b"), outdir=done / "out").to_run == ("second",)


@pytest.mark.parametrize("text", [None, "$STORE"], ids=["path", "variable"])
def test_step_whose_products_hold_paths_runs_again(done, text):
    run_chain(chain(done / "a", text, KeepsPaths), outdir=done / "out")
    make_store(done / "b")
    reason = plan_chain(chain(done / "b", text, KeepsPaths), outdir=done / "out")["first"].reason
    if text is None:
        assert reason.startswith("first.store changed ...")
        assert reason.endswith("/b (a.yaml:1:1)")
    else:
        assert reason == f"first.store $STORE is {done}/b now"


def test_keys_and_products_do_not_depend_on_the_place(done):
    run_chain(chain(make_store(done / "b")), outdir=done / "two")
    for step in ("first", "second"):
        assert (done / "out" / step / "a.txt").read_bytes() == (done / "two" / step / "a.txt").read_bytes()
    plan = plan_chain(chain(done / "a"), outdir=done / "two")
    assert plan.to_run == ()


def test_longest_place_counts_and_names_are_whole():
    moves = Moves.between({"x": "/a", "y": "/a/b", "z": "/c"}, {"x": "/1", "y": "/2", "z": "/c"})
    found = [moves.now(path) for path in ("/a", "/a/f", "/a/b/f", "/ab/f", "/c/f")]
    assert found == ["/1", "/1/f", "/2/f", "/ab/f", "/c/f"]
