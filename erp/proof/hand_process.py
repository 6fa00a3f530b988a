"""The process of one hand: ``python -m erp.proof.hand_process FOLDER NUMBER LIFE SEED SECONDS``. It may be killed at any moment."""

from __future__ import annotations

import datetime as dt
import json
import sys
import time
from pathlib import Path


def main(folder: Path, number: int, life: int, seed: int, seconds: float) -> None:
    until = time.monotonic() + seconds
    import django

    django.setup()
    from erp.proof.diary import Diary
    from erp.proof.hands import Hand
    from erp.proof.stage import Stage

    stage = Stage.of((folder / "stage.json").read_text())
    begun = dt.datetime.fromisoformat(json.loads((folder / "begun.json").read_text()))
    with Diary(diary_of(folder, number)) as diary:
        Hand(number, seed=seed, life=life, stage=stage, begun=begun, diary=diary).work(until=until)


def diary_of(folder: Path, number: int) -> Path:
    return folder / f"hand-{number}.jsonl"


if __name__ == "__main__":
    _program, where, *numbers, duration = sys.argv
    main(Path(where), int(numbers[0]), int(numbers[1]), int(numbers[2]), float(duration))
