"""A file is a whole backup, or it is said what is wrong with it."""

from __future__ import annotations

import datetime as dt
import json
import zipfile

import pytest

from erp.backup import archive
from erp.backup.archive import Manifest
from erp.backup.contents import Rows, differences

NOON = dt.datetime(2026, 11, 23, 3, 0, tzinfo=dt.UTC)
DUMP = b"PGDMP" + bytes(range(256)) * 40


@pytest.fixture
def whole(tmp_path):
    path = tmp_path / "house.zip"
    with archive.new_archive(path) as writer:
        written = writer.write_dump([DUMP[:1000], DUMP[1000:]])
        writer.write_manifest(
            Manifest(
                mamori="1", database="mamori", server=18, database_bytes=1, next_xid=7, migrations=[("core", "0001_initial")],
                tables={"public.a": Rows(2, "5")}, started_at=NOON, ended_at=NOON, run_id=3, key_check="k",
                dump_bytes=written.dump_bytes, dump_sha256=written.dump_sha256,
            )
        )  # fmt: skip
    return path


def codes(path):
    manifest, problems = archive.examine(path)
    return manifest is not None, [problem.code for problem in problems]


def test_what_was_written_is_read(whole):
    manifest, problems = archive.examine(whole)

    assert problems == []
    assert (manifest.row_count, manifest.started_at, manifest.migrations) == (2, NOON, [("core", "0001_initial")])
    with archive.dump_of(whole) as dump:
        assert dump.read() == DUMP


def test_a_file_that_is_not_there_or_is_something_else_is_no_backup(tmp_path, whole):
    (tmp_path / "text.zip").write_text("a letter")
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as photos:
        photos.writestr("cat.jpg", b"...")

    assert codes(tmp_path / "none.zip") == (False, ["unreadable"])
    assert codes(tmp_path / "text.zip") == (False, ["damaged"])
    assert codes(tmp_path / "photos.zip") == (False, ["no_backup"])


def test_a_file_that_was_cut_off_is_damaged(tmp_path, whole):
    for length in (0, 10, 4_000, whole.stat().st_size - 1):
        (tmp_path / "cut.zip").write_bytes(whole.read_bytes()[:length])
        assert codes(tmp_path / "cut.zip") == (False, ["damaged"]), length


def test_a_byte_that_changed_is_noticed(tmp_path, whole):
    content = bytearray(whole.read_bytes())
    content[content.index(DUMP[:300]) + 5_000] ^= 1
    (tmp_path / "changed.zip").write_bytes(content)

    assert codes(tmp_path / "changed.zip") == (False, ["damaged"])


def test_a_dump_of_another_backup_is_noticed(tmp_path, whole):
    """Each part whole by itself, but not of one backup: both the size and the checksum are named."""
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(tmp_path / "mixed.zip", "w") as mixed:
        mixed.writestr(archive.DUMP, DUMP + b"more")
        mixed.writestr(archive.MANIFEST, source.read(archive.MANIFEST))

    assert codes(tmp_path / "mixed.zip") == (True, ["wrong_size", "wrong_checksum"])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"format": 2}, "unknown_format"),
        ({"tables": {"public.a": 3}}, "bad_manifest"),
        ({"started_at": "yesterday"}, "bad_manifest"),
        ({"next_xid": None}, "bad_manifest"),
    ],
)
def test_a_manifest_that_cannot_be_understood_is_refused(tmp_path, whole, change, code):
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(tmp_path / "odd.zip", "w") as odd:
        odd.writestr(archive.DUMP, DUMP)
        odd.writestr(archive.MANIFEST, json.dumps(json.loads(source.read(archive.MANIFEST)) | change))

    assert codes(tmp_path / "odd.zip") == (False, [code])


def test_a_block_that_fails_leaves_neither_the_file_nor_a_part_of_it(tmp_path):
    with pytest.raises(RuntimeError, match="halfway"), archive.new_file(tmp_path / "house.zip") as file:
        file.write(b"half")
        raise RuntimeError("halfway")

    assert list(tmp_path.iterdir()) == []


def test_each_difference_between_two_databases_is_a_sentence():
    saved = {"same": Rows(1, "1"), "gone": Rows(1, "1"), "fewer": Rows(9, "1"), "other": Rows(3, "1")}
    found = {"same": Rows(1, "1"), "fewer": Rows(8, "7"), "other": Rows(3, "2"), "new": Rows(0, "0")}

    assert differences(saved, found) == [
        "fewer has 8 rows instead of 9",
        "gone is missing",
        "new is not in the backup",
        "other has 3 rows as it should, but with other values",
    ]


def test_two_that_write_the_same_name_under_the_same_number_both_end_well(tmp_path, monkeypatch):
    """Each container has a process 1, and they may share a folder."""
    monkeypatch.setattr("os.getpid", lambda: 1)
    path = tmp_path / "house.zip"

    with archive.new_file(path) as first:
        first.write(b"first")
        with archive.new_file(path) as second:
            second.write(b"second")
        assert path.read_bytes() == b"second"

    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]
