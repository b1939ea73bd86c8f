"""Kept items: whole or absent after any damage, cheap to write, and pruned."""

import os
import resource
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

import gammapy_hli.run.items
from gammapy_hli.run.items import ItemStore
from gammapy_hli.run.keys import ItemKeys
from gammapy_hli.run.step import Option, Step


def key(name):
    return sha256(str(name).encode()).hexdigest()


def arrays(number):
    """A short and a long array, of lengths that are no multiples of eight bytes."""
    return [np.arange(3, dtype=np.uint8) + number, np.full(33_333, number, dtype=np.float32)]


def fill(store, names):
    for name in names:
        store.write(key(name), {"name": name, "nothing": None}, arrays(name))


def check(store, names):
    for name in names:
        document, found = store.read(key(name))
        assert document == {"name": name, "nothing": None}
        for one, other in zip(found, arrays(name), strict=True):
            np.testing.assert_array_equal(one, other)
            assert one.dtype == other.dtype


def file_of(folder):
    (path,) = folder.glob("*.items")
    return path


def test_items_are_read_back_in_this_and_the_next_execution(tmp_path):
    store = ItemStore(tmp_path / "items")
    fill(store, [1, 2, 3])
    check(store, [3, 1])
    store.close()
    again = ItemStore(tmp_path / "items")
    check(again, [1, 2, 3])
    assert key(4) not in again
    with pytest.raises(KeyError):
        again.read(key(4))
    fill(again, [2, 4])
    again.close()
    assert len(list((tmp_path / "items").iterdir())) == 2, "an old file is never written to"
    check(ItemStore(tmp_path / "items"), [1, 2, 3, 4])


def test_prune_keeps_what_is_wanted_and_the_files_small(tmp_path):
    store = ItemStore(tmp_path / "items")
    fill(store, range(10))
    store.prune([key(3), key("unknown")])
    size = file_of(tmp_path / "items").stat().st_size
    assert size < 2 * 33_333 * 4
    check(ItemStore(tmp_path / "items"), [3])
    assert key(2) not in ItemStore(tmp_path / "items")
    store.prune([])
    assert os.listdir(tmp_path) == []


def test_prune_leaves_a_file_alone_that_is_mostly_wanted(tmp_path):
    store = ItemStore(tmp_path / "items")
    fill(store, range(4))
    store.close()
    path = file_of(tmp_path / "items")
    before = path.stat()
    store.prune([key(name) for name in range(3)])
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert path.stat().st_ino == before.st_ino


def test_files_do_not_grow_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(gammapy_hli.run.items, "MOST_BYTES", 200_000)
    store = ItemStore(tmp_path / "items")
    fill(store, range(6))
    assert len(list((tmp_path / "items").iterdir())) == 3
    check(store, range(6))


@pytest.mark.parametrize("cut", [1, 50, 5_000, 130_000, 133_400])
def test_torn_record_at_the_end_is_no_item(tmp_path, cut):
    store = ItemStore(tmp_path / "items")
    fill(store, [1, 2, 3])
    store.close()
    path = file_of(tmp_path / "items")
    os.truncate(path, path.stat().st_size - cut)
    again = ItemStore(tmp_path / "items")
    check(again, [1, 2])
    assert key(3) not in again
    fill(again, [3])
    check(again, [1, 2, 3])


def test_any_changed_byte_is_seen_or_does_no_harm(tmp_path):
    folder = tmp_path / "items"
    store = ItemStore(folder)
    fill(store, [1, 2])
    store.close()
    path = file_of(folder)
    whole = path.read_bytes()
    rng = np.random.default_rng(4)
    positions = [*range(90), *rng.integers(0, len(whole), 200).tolist()]
    for position in positions:
        changed = bytearray(whole)
        changed[position] ^= 1 << int(rng.integers(8))
        path.write_bytes(changed)
        again = ItemStore(folder)
        for name in (1, 2):
            if key(name) in again:
                try:
                    check(again, [name])
                except KeyError:
                    assert key(name) not in again


@pytest.mark.parametrize("content", [b"", b"x", b"HLIITEM1" * 40])
def test_foreign_content_holds_no_items(tmp_path, content):
    (tmp_path / "000001-x.items").write_bytes(content)
    store = ItemStore(tmp_path)
    assert key(1) not in store
    fill(store, [1])
    check(store, [1])


def test_store_without_folder_keeps_nothing():
    store = ItemStore(None)
    fill(store, [1])
    store.prune([])
    assert key(1) not in store
    assert not store.keeps


LIMITED = """
import logging, resource, sys
sys.path.insert(0, sys.argv[2])
from {module} import *
logging.basicConfig(level="WARNING")
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
store = ItemStore(sys.argv[1])
fill(store, range(5))
assert not store.keeps
check(store, [0, 1])
"""


def test_full_device_is_told_once_and_what_is_there_counts(tmp_path):
    here = Path(__file__)
    code = LIMITED.format(module=here.stem)
    command = [sys.executable, "-c", code, str(tmp_path / "items"), str(here.parent)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("is lost if this step is interrupted") == 1
    assert "File too large" in done.stderr
    again = ItemStore(tmp_path / "items")
    check(again, [0, 1])
    assert key(2) not in again
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 300_000


def test_folder_that_cannot_be_made_is_told(tmp_path, caplog):
    (tmp_path / "items").write_text("a file")
    store = ItemStore(tmp_path / "items")
    fill(store, [1])
    assert "Not a directory" in caplog.text or "File exists" in caplog.text
    assert not store.keeps


# keys


def keys_of(tmp_path, options=None, **changes):
    options = options or {"reduction@a.energy.min": Option("0.1 TeV")}
    step = Step("reduction@a", None, options, files=changes.get("named", ()))
    (tmp_path / "f").write_text(changes.get("content", "1"))
    files = [(changes.get("what", "events"), tmp_path / "f"), ("psf", tmp_path / "missing")]
    made = ItemKeys(step, lambda path: sha256(path.read_bytes()).hexdigest())
    return made.key(files, changes.get("extra"), changes.get("leave_out", ()))


def test_item_key_tells_contents_uses_and_options_apart(tmp_path):
    first = keys_of(tmp_path)
    assert keys_of(tmp_path) == first
    for changes in ({"content": "2"}, {"what": "gti"}, {"extra": [1.5]}):
        assert keys_of(tmp_path, **changes) != first
    assert keys_of(tmp_path, {"reduction@a.energy.min": Option("0.2 TeV")}) != first


def test_item_key_leaves_out_what_no_item_depends_on(tmp_path):
    both = {"reduction@a.stack": Option("true"), "reduction@a.energy.min": Option("0.1 TeV")}
    assert keys_of(tmp_path, both, leave_out=["stack"]) == keys_of(tmp_path)
    assert keys_of(tmp_path, both) != keys_of(tmp_path)


def test_item_key_tells_the_content_of_files_that_options_name(tmp_path):
    first, other = tmp_path / "ephemeris", tmp_path / "copy"
    first.write_text("P 0.033")
    other.write_text("P 0.033")
    key = keys_of(tmp_path, named=(first,))
    assert keys_of(tmp_path, named=(other,)) == key
    other.write_text("P 0.034")
    assert keys_of(tmp_path, named=(other,)) != key


def test_item_key_does_not_tell_where_a_file_stands(tmp_path):
    one, other = ({"reduction@a.mask": Option(f"/{name}/m.fits", is_path=True)} for name in "ab")
    assert keys_of(tmp_path, one) == keys_of(tmp_path, other)
    none = {"reduction@a.mask": Option("null", is_path=True)}
    assert keys_of(tmp_path, none) != keys_of(tmp_path, one)
