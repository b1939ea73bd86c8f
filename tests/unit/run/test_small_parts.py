"""Hashes, keys, lock, output folder, progress, logs, items."""

import io
import json
import logging
import os
import socket
import subprocess
import sys
import time
import warnings

import pytest

from gammapy_hli.base.errors import FolderError
from gammapy_hli.run.hashing import FileHasher, canonical_json, file_hash
from gammapy_hli.run.keys import item_key
from gammapy_hli.run.lock import LOCK_FILE, FolderLock
from gammapy_hli.run.logs import StepLog, is_color_wanted, logs_in_file, logs_on_stderr
from gammapy_hli.run.outdir import check_folder, clean_leftovers, is_ours, replace_folder, write_config
from gammapy_hli.run.progress import Progress
from gammapy_hli.run.step import Option, Step, check_order

# hashing and keys


def test_canonical_json_does_not_depend_on_order():
    assert canonical_json({"b": 1, "a": [1.5, None]}) == canonical_json({"a": [1.5, float("nan")], "b": 1})


def test_file_hash_is_that_of_sha256sum(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert file_hash(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def age(path, seconds=100):
    now = time.time()
    os.utime(path, (now - seconds, now - seconds))


def test_hash_of_an_unchanged_file_comes_from_the_cache(tmp_path, monkeypatch):
    data, cache = tmp_path / "a", tmp_path / "cache.json"
    data.write_bytes(b"abc")
    age(data)
    hasher = FileHasher(cache)
    first = hasher.sha256(data)
    hasher.save()
    monkeypatch.setattr("gammapy_hli.run.hashing.file_hash", lambda path: pytest.fail("read again"))
    assert FileHasher(cache).sha256(data) == first


def test_young_files_are_read_again(tmp_path):
    data = tmp_path / "a"
    data.write_bytes(b"abc")
    hasher = FileHasher()
    first = hasher.sha256(data)
    status = data.stat()
    data.write_bytes(b"abd")
    os.utime(data, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert hasher.sha256(data) != first


def test_other_file_of_the_same_size_and_age_is_noticed(tmp_path):
    data, cache = tmp_path / "a", tmp_path / "cache.json"
    data.write_bytes(b"abc")
    age(data)
    hasher = FileHasher(cache)
    first, status = hasher.sha256(data), data.stat()
    hasher.save()
    time.sleep(0.05)  # the clock of some file systems ticks slowly
    (tmp_path / "b").write_bytes(b"abd")
    os.utime(tmp_path / "b", ns=(status.st_atime_ns, status.st_mtime_ns))
    os.replace(tmp_path / "b", data)
    assert FileHasher(cache).sha256(data) != first


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": 1}', "\xff"])
def test_broken_cache_is_begun_anew(tmp_path, text):
    (tmp_path / "cache.json").write_text(text, encoding="latin-1")
    (tmp_path / "a").write_bytes(b"")
    assert FileHasher(tmp_path / "cache.json").sha256(tmp_path / "a").startswith("e3b0c442")


def test_folder_hash_changes_with_any_file_below(tmp_path):
    (tmp_path / "d" / "e").mkdir(parents=True)
    (tmp_path / "d" / "e" / "a").write_text("1")
    first = FileHasher().sha256(tmp_path / "d")
    (tmp_path / "d" / "e" / "b").write_text("1")
    assert FileHasher().sha256(tmp_path / "d") != first


def test_item_key_ignores_how_the_work_is_done():
    options = {"reduction.energy.min": Option("0.1 TeV"), "reduction.n_jobs": Option("1")}
    more = {**options, "reduction.n_jobs": Option("8", "command line"), "general.outdir": Option("x")}
    first = item_key("reduction", 1, options, ["a", "b"])
    assert item_key("reduction", 1, more, ["a", "b"]) == first
    assert item_key("reduction", 2, more, ["a", "b"]) != first
    assert item_key("reduction", 1, more, ["a", "c"]) != first


def test_label_does_not_enter_the_item_key():
    one = item_key("fit", 1, {"fit.stack": Option("true")}, [])
    assert item_key("fit", 1, {"fit@stacked.stack": Option("true")}, []) == one


def test_order_of_steps_is_checked():
    with pytest.raises(ValueError, match="'fit' needs 'model'"):
        check_order([Step("fit", None, inputs={"models": "model"}), Step("model", None)])
    with pytest.raises(ValueError, match="'fit' stands twice"):
        check_order([Step("fit", None), Step("fit", None)])


# lock


def test_second_lock_names_the_owner(tmp_path):
    owner = f"process {os.getpid()} on {socket.gethostname()}"
    with FolderLock(tmp_path), pytest.raises(FolderError, match=owner), FolderLock(tmp_path):
        pass
    with FolderLock(tmp_path) as lock:
        assert lock.was_stale is None
    assert os.listdir(tmp_path) == []


def test_lock_of_a_dead_process_is_taken_over(tmp_path):
    code = (
        "import os, sys; from gammapy_hli.run.lock import FolderLock; "
        "FolderLock(sys.argv[1]).__enter__(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert (tmp_path / LOCK_FILE).exists()
    with FolderLock(tmp_path) as lock:
        assert lock.was_stale["host"] == socket.gethostname()


def test_lock_of_another_host_is_believed(tmp_path):
    (tmp_path / LOCK_FILE).write_text(json.dumps({"pid": 1, "host": "elsewhere", "start": "2020"}))
    with pytest.raises(FolderError, match=r"on elsewhere since 2020.*remove"), FolderLock(tmp_path):
        pass


def test_lock_in_a_missing_folder(tmp_path):
    with pytest.raises(FolderError, match="cannot write here"), FolderLock(tmp_path / "no"):
        pass


# output folder


def test_foreign_folder_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(FolderError, match=r"\(thesis.tex\)"):
        check_folder(tmp_path)
    assert check_folder(tmp_path, overwrite=True) == tmp_path


def test_config_of_the_user_does_not_make_a_folder_ours(tmp_path):
    (tmp_path / "config.yaml").write_text("config_version: 1\n")
    with pytest.raises(FolderError, match=r"config\.yaml"):
        check_folder(tmp_path)


def test_new_and_own_folders_are_accepted(tmp_path):
    folder = check_folder(tmp_path / "a" / "b")
    (folder / LOCK_FILE).write_text("")
    check_folder(folder)
    write_config(folder, "config_version: 1\n")
    assert is_ours(folder)
    (folder / "notes.txt").write_text("")
    check_folder(folder)


def test_file_in_the_place_of_the_folder(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(FolderError, match="is a file"):
        check_folder(tmp_path / "a")


def test_equal_config_is_not_written_again(tmp_path):
    write_config(tmp_path, "a: 1\n")
    age(tmp_path / "config.yaml")
    before = (tmp_path / "config.yaml").stat().st_mtime_ns
    write_config(tmp_path, "a: 1\n")
    assert (tmp_path / "config.yaml").stat().st_mtime_ns == before


def fill(text, then=None):
    def write(folder):
        (folder / "a").write_text(text)
        if then is not None:
            raise then

    return write


def test_folder_is_replaced_as_a_whole(tmp_path):
    final = tmp_path / "fit"
    replace_folder(final, fill("old"))
    with pytest.raises(KeyboardInterrupt):
        replace_folder(final, fill("new", KeyboardInterrupt()))
    assert (final / "a").read_text() == "old"
    replace_folder(final, fill("new"))
    assert (final / "a").read_text() == "new"
    assert os.listdir(tmp_path) == ["fit"]


def test_swap_that_fails_midway_brings_the_old_back(tmp_path, monkeypatch):
    final = tmp_path / "fit"
    replace_folder(final, fill("old"))
    rename = os.rename

    def fail_on_new(source, target):
        if ".new-" in str(source):
            raise OSError("device full")
        rename(source, target)

    monkeypatch.setattr(os, "rename", fail_on_new)
    with pytest.raises(OSError, match="device full"):
        replace_folder(final, fill("new"))
    assert (final / "a").read_text() == "old"
    assert os.listdir(tmp_path) == ["fit"]


def test_leftovers_of_a_killed_run_are_put_in_order(tmp_path):
    for name in (".fit.old-12-0123abcd", ".model.old-12-0123abcd", ".fit.new-12-0123abcd", "model"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a").write_text(name)
    (tmp_path / ".summary.json.12-0123abcd.part").write_text("")
    assert len(clean_leftovers(tmp_path)) == 3
    assert sorted(os.listdir(tmp_path)) == ["fit", "model"]
    assert (tmp_path / "fit" / "a").read_text() == ".fit.old-12-0123abcd"


# progress and logs


def test_progress_elsewhere_is_a_line_every_ten_percent():
    stream = io.StringIO()
    with Progress(stream=stream)(200, "reduction") as bar:
        for _ in range(200):
            bar.update()
    lines = stream.getvalue().splitlines()
    assert len(lines) == 10
    assert lines[0].startswith("reduction: 20/200 (10 %")


def test_progress_tells_the_share_that_is_done():
    stream = io.StringIO()
    with Progress(stream=stream)(4, "reduction") as bar:
        bar.update()
    assert stream.getvalue().startswith("reduction: 1/4 (25 %")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_on_a_terminal_is_a_bar():
    stream = Terminal()
    with Progress(stream=stream)(3, "fit") as bar:
        bar.update(3)
    assert "\r" in stream.getvalue()
    assert "fit" in stream.getvalue()


def test_progress_can_be_switched_off():
    stream = io.StringIO()
    with Progress(enabled=False, stream=stream)(3, "fit") as bar:
        bar.update(3)
    assert stream.getvalue() == ""


def test_logs_name_the_step_and_leave_logging_as_it_was(tmp_path):
    root, ours = logging.getLogger(), logging.getLogger("gammapy_hli")
    before = (root.level, ours.level, list(root.handlers))
    stream = io.StringIO()
    with logs_on_stderr("info", stream=stream), logs_in_file(tmp_path / "log.txt"), warnings.catch_warnings():
        warnings.simplefilter("always")
        StepLog("fit@stacked").info("ran %d", 3)
        StepLog("fit").debug("not shown")
        warnings.warn("careful", stacklevel=1)
    lines = stream.getvalue().splitlines()
    assert lines[0].endswith("fit@stacked: ran 3")
    assert "warning: " in lines[1]
    assert "careful" in lines[1]
    assert "\x1b" not in stream.getvalue()
    assert "INFO     fit@stacked: ran 3" in (tmp_path / "log.txt").read_text()
    assert (root.level, ours.level, list(root.handlers)) == before


def test_debug_tells_more_of_ours_and_no_more_of_others():
    stream = io.StringIO()
    with logs_on_stderr("debug", stream=stream):
        StepLog("fit").debug("ours")
        logging.getLogger("matplotlib.font_manager").debug("findfont: score")
        logging.getLogger("matplotlib.font_manager").warning("no such font")
    assert [line.split(": ", 1)[1] for line in stream.getvalue().splitlines()] == ["fit: ours", "no such font"]


def test_color_on_a_terminal_only_and_not_with_no_color(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert is_color_wanted(Terminal())
    assert not is_color_wanted(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not is_color_wanted(Terminal())


def test_unknown_log_level_is_refused():
    with pytest.raises(ValueError, match="'loud'"), logs_on_stderr("loud"):
        pass
