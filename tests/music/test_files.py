import errno
import os

import pytest

from deepcomposer_lab.music.files import write_atomically


def test_a_file_is_written_and_replaced(tmp_path):
    path = tmp_path / "a.bin"
    write_atomically(path, b"first")
    write_atomically(str(path), b"second")
    assert path.read_bytes() == b"second"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_a_failure_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "a.bin"
    write_atomically(path, b"first")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, b"second")
    assert path.read_bytes() == b"first"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_a_missing_folder_is_named_and_the_draft_is_not(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"“x\.mid” cannot be written: there is no folder “.*missing”"
    ) as caught:
        write_atomically(tmp_path / "missing" / "x.mid", b"")
    assert ".part" not in str(caught.value)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FileNotFoundError, match=r"no folder “.*file”"):
        write_atomically(tmp_path / "file" / "x.mid", b"")


def test_a_folder_is_no_destination(tmp_path):
    with pytest.raises(IsADirectoryError, match="is a folder; add the name of a file"):
        write_atomically(tmp_path, b"")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        write_atomically("", b"")
    assert os.listdir(tmp_path) == []


def test_what_the_system_refuses_names_the_destination(tmp_path, monkeypatch):
    path = tmp_path / "x.mid"

    def refuse(source, target):
        raise PermissionError(errno.EACCES, "Permission denied", str(source), None, str(target))

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(PermissionError, match=r"Permission denied: '[^']*x\.mid'$") as caught:
        write_atomically(path, b"")
    assert caught.value.filename == str(path)
    assert ".part" not in str(caught.value)
    assert os.listdir(tmp_path) == []
