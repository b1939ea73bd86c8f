"""Files are whole or absent."""

import json
import os
import stat

import pytest

from gammapy_hli.base.atomic_write import (
    atomic_write,
    json_text,
    whole_folder,
    write_bytes,
    write_json,
    write_text,
)


def write_half(path, mode, data, error):
    with atomic_write(path, mode) as stream:
        stream.write(data)
        raise error


def test_failure_keeps_the_old_file_and_leaves_nothing(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(RuntimeError, match="midway"):
        write_half(path, "w", "half", RuntimeError("midway"))
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_interrupt_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write_half(tmp_path / "a.txt", "wb", b"half", KeyboardInterrupt())
    assert os.listdir(tmp_path) == []


def test_bytes_and_text_are_written_as_given(tmp_path):
    write_bytes(tmp_path / "b", b"\r\n\x00")
    write_text(tmp_path / "t", "é\n")
    assert (tmp_path / "b").read_bytes() == b"\r\n\x00"
    assert (tmp_path / "t").read_bytes() == "é\n".encode()


def test_permissions_follow_the_umask(tmp_path):
    old = os.umask(0o022)
    try:
        write_text(tmp_path / "a", "")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o644


def test_symbolic_link_stays_a_link(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_json_keeps_order_and_turns_nan_into_null(tmp_path):
    import numpy as np

    write_json(tmp_path / "a.json", {"b": float("nan"), "a": [np.float64(1.5), np.int64(2), np.array([1.0, np.inf])]})
    text = (tmp_path / "a.json").read_text()
    assert text.index('"b"') < text.index('"a"')
    assert json.loads(text) == {"b": None, "a": [1.5, 2, [1.0, None]]}


def test_json_refuses_what_it_does_not_know():
    with pytest.raises(TypeError, match="object"):
        json_text({"a": object()})


def test_mode_is_checked(tmp_path):
    with pytest.raises(ValueError, match="mode is 'a'"), atomic_write(tmp_path / "x", "a"):
        pass


def test_files_of_a_whole_folder_are_synced_once_and_together(tmp_path, monkeypatch):
    synced = []
    plain = os.fsync

    def fsync(descriptor):
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        plain(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    folder = tmp_path / "new"
    (folder / "deep").mkdir(parents=True)
    with whole_folder(folder):
        for k in range(40):
            write_text(folder / "deep" / f"{k}.txt", str(k))
        write_bytes(tmp_path / "beside", b"x")
        assert synced == [synced[0], str(tmp_path)]  # the file outside of it, as ever
        assert sorted(path.name for path in (folder / "deep").iterdir()) == sorted(f"{k}.txt" for k in range(40))
    assert sorted(synced[2:]) == sorted(str(path) for path in [folder, *folder.rglob("*")])
    assert (folder / "deep" / "7.txt").read_text() == "7"
    write_text(folder / "later.txt", "as ever")
    assert synced[-1] == str(folder)


def test_files_of_a_whole_folder_leave_nothing_after_an_error_and_do_not_write_through_links(tmp_path):
    folder = tmp_path / "new"
    folder.mkdir()
    (tmp_path / "kept").write_text("old")
    os.link(tmp_path / "kept", folder / "linked")
    with whole_folder(folder):
        write_text(folder / "linked", "new")
        with pytest.raises(RuntimeError):
            write_half(folder / "broken", "w", "half", RuntimeError)
    assert sorted(path.name for path in folder.iterdir()) == ["linked"]
    assert (tmp_path / "kept").read_text() == "old"
    assert (folder / "linked").read_text() == "new"
