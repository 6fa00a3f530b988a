"""The commands as somebody types them on a machine with nothing but Mamori: the embedded server comes and goes with each of them."""

from __future__ import annotations

import pytest

from tests.runtime.test_settings import run_manage

pytestmark = pytest.mark.slow


def test_an_installation_is_saved_and_brought_back_on_another_machine(tmp_path):
    file = tmp_path / "house.zip"
    here, there = tmp_path / "here", tmp_path / "there"
    for command in (["migrate", "-v0"], ["start_epoch", "--reason", "before the backup"], ["backup", str(file)]):
        done = run_manage(*command, var=here)
        assert done.returncode == 0, done.stderr

    drilled = run_manage("restore", str(file), "--drill", var=here)
    restored = run_manage("restore", str(file), var=there)

    assert drilled.returncode == 0, drilled.stderr
    assert ", 0 faults; restored in" in drilled.stdout
    assert restored.returncode == 0, restored.stderr
    # The other machine has another key, and its server is younger.
    assert "must be entered again" in restored.stdout
    assert "raising the transaction numbers" in restored.stdout
    assert restored.stdout.rstrip().endswith("0 faults")
    again = run_manage("restore", str(file), var=there)
    assert again.returncode == 1
    assert "is not empty" in again.stderr
    epochs = run_manage(
        "shell",
        "-c",
        "from erp.core.models import FeedEpoch; print([e.reason[:20] for e in FeedEpoch.objects.order_by('pk')])",
        var=there,
    )
    assert "['first start', 'before the backup', 'restored the backup ']" in epochs.stdout
