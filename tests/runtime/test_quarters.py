"""What lives elsewhere for a data folder is removed with it, and nothing else ever."""

from __future__ import annotations

import pytest

from erp.runtime import quarters


@pytest.mark.parametrize(
    "named", ["", "/", ".", "relative/mamori-x", "/var/tmp", "/var/tmp/somebody", "/var/tmp/mamori-x/.."]
)
def test_a_pointer_that_names_nothing_of_ours_removes_nothing(tmp_path, monkeypatch, named):
    here = tmp_path / "here"
    (here / "relative" / "mamori-x").mkdir(parents=True)
    (here / "kept").write_text("kept")
    monkeypatch.chdir(here)
    data_dir = tmp_path / "pg"
    pointer = tmp_path / "pg.elsewhere"
    pointer.write_text(named)

    monkeypatch.setattr("shutil.rmtree", lambda *args, **options: pytest.fail(f"removes {args[0]}"))
    quarters.forget(data_dir)

    assert (here / "kept").read_text() == "kept"
    assert not pointer.exists()


def test_what_a_pointer_names_goes_and_the_pointer_with_it(tmp_path):
    home = tmp_path / "mamori-home"
    (home / "data").mkdir(parents=True)
    quarters._point(tmp_path / "pg.elsewhere", home)

    quarters.forget(tmp_path / "pg")

    assert list(tmp_path.iterdir()) == []
