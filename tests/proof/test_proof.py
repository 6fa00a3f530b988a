"""The proof proves something: its judge finds each lie that is told to it; and a short run with real processes, kills and all, is clean."""

from __future__ import annotations

import datetime as dt
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from erp.inventory.services import AdjustmentLine, adjust
from erp.orders.services import place_order
from erp.proof import judging, stage
from erp.proof.diary import Diary, read
from erp.proof.hands import SURPRISE, WEIGHTS, Hand
from erp.proof.watching import Watcher
from erp.runtime.installation import PROJECT

EVERYTHING = ["hold", "extend_hold", *WEIGHTS, "place", "release", "ship", "refuse", "give_back", *WEIGHTS]
A_LITTLE = ["place", "receive", "again", "allocate", "allocate"]


@pytest.fixture
def worked(db, tmp_path, request):
    """One hand that has done some acts in this process."""
    begun = timezone.now()
    made = stage.build(at=begun)
    with Diary(tmp_path / "hand-0.jsonl") as diary:
        hand = Hand(0, seed=7, life=1, stage=made, begun=begun, diary=diary)
        for act in getattr(request, "param", A_LITTLE):
            content = hand._draw(act)
            if content is not None:
                hand.do(diary.begin(act, {"at": timezone.now().isoformat(), **content}))
    return hand, made, {0: list(read(tmp_path / "hand-0.jsonl"))}


def judged(made, diaries, watcher=None):
    watcher = watcher or Watcher("", looks=1)
    found = judging.balances(made, diaries)
    return {str(verdict.what): list(verdict.faults) for verdict in judging.verdicts(made, diaries, watcher, found)}


def faults(made, diaries, watcher=None):
    return [fault for found in judged(made, diaries, watcher).values() for fault in found]


@pytest.mark.parametrize("worked", [EVERYTHING], indirect=True)
def test_every_act_is_done_through_the_services_and_the_story_is_one(worked):
    _hand, made, diaries = worked

    done = {entry.act for entry in diaries[0] if entry.outcome == "done"}

    assert done == set(WEIGHTS), [entry for entry in diaries[0] if entry.outcome not in ("done", "InsufficientStock")]
    assert faults(made, diaries) == []


def test_a_piece_that_somebody_was_told_and_that_the_ledger_does_not_know_is_named(worked):
    _hand, made, diaries = worked
    received = next(entry for entry in diaries[0] if entry.act == "receive")
    ((sku, count),) = received.told["pieces"].items()

    received.told["pieces"] = {sku: count + 1}

    (fault,) = faults(made, diaries)
    assert sku in fault


def test_a_count_that_lacks_pieces_which_were_sold_before_it_was_told_is_told_once(db, tmp_path):
    seen = timezone.now()
    sold = seen + dt.timedelta(seconds=1)
    made = stage.build(at=seen)
    with Diary(tmp_path / "hand-0.jsonl") as diary:
        hand = Hand(0, seed=7, life=1, stage=made, begun=seen, diary=diary)
        hand.do(diary.begin("sell_at_till", {"at": sold.isoformat(), "lines": {"NP-KNIT": 5}}))

        # Three of the six in the shop lacked; one is there now, so two of those that were sold came in provisionally.
        count = {"place": stage.SHOP, "sku": "NP-KNIT", "count": 3}
        hand.do(diary.begin("count", {"at": seen.isoformat(), **count}))

    knit = next(of for of in judging.balances(made, {0: diary.entries}) if of.sku == "NP-KNIT")
    assert (knit.corrected, knit.provisional) == (-3, 2)
    assert knit.is_even


def test_a_piece_that_moved_and_that_nobody_was_told_of_is_named(worked):
    _hand, made, diaries = worked
    now = timezone.now()

    line = AdjustmentLine(1, made.skus["NP-SHIRT"], 1)
    adjust(
        external_id="X", location_id=made.places["PROOF-EAST"], lines=[line], reason_code="FOUND", occurred_at=now, at=now,
        by=stage.BY,
    )  # fmt: skip

    (fault,) = faults(made, diaries)
    assert "NP-SHIRT" in fault


def test_an_order_that_nobody_sent_and_one_that_is_lost_are_named(worked):
    hand, made, diaries = worked

    place_order(channel="PROOF-A", order=hand._order("STRANGER", {"NP-KNIT": 1}), at=timezone.now(), by=stage.BY)
    placed = next(entry for entry in diaries[0] if entry.act == "place")
    placed.told = {**placed.told, "order": "LOST"}

    told = " ".join(faults(made, diaries))
    assert re.search("STRANGER: ", told)
    assert re.search("LOST: ", told)


def test_what_was_never_answered_what_nobody_expected_and_a_repetition_taken_for_new_are_named(worked):
    _hand, made, diaries = worked
    first, second = [entry for entry in diaries[0] if entry.act == "allocate"]
    again = next(entry for entry in diaries[0] if entry.act == "again")

    first.outcome, second.outcome, second.told = "", SURPRISE, {"words": "ZeroDivisionError"}
    again.told = {**again.told, "replay": False}

    assert len(faults(made, diaries)) == 3


def test_an_instant_at_which_more_was_promised_than_was_there_decides(worked):
    _hand, made, diaries = worked

    assert faults(made, diaries, Watcher("", looks=9, faults=["NP-KNIT in PROOF-EAST"])) == ["NP-KNIT in PROOF-EAST"]
    assert len(faults(made, diaries, Watcher("", looks=0))) == 1


@pytest.mark.django_db(transaction=True)
def test_the_watcher_sees_a_broken_balance():
    made = stage.build(at=timezone.now())
    # A claim that no reservation and no hold stands for.
    with connection.cursor() as cursor:
        cursor.execute("UPDATE inventory_stockbalance SET allocated = 1 WHERE sku_id = %s", [made.skus["NP-KNIT"]])
    known = connection.settings_dict
    watcher = Watcher(f"postgresql://{known['USER']}@/{known['NAME']}?host={known['HOST']}")
    watcher.start()
    deadline = time.monotonic() + 20
    while not watcher.faults and time.monotonic() < deadline:
        time.sleep(0.05)
    watcher.stop()

    assert any(fault.startswith("NP-KNIT") for fault in watcher.faults)


def test_a_line_that_a_kill_cut_off_never_happened_and_harms_no_other(tmp_path):
    file = tmp_path / "hand.jsonl"
    with Diary(file) as diary:
        diary.end(diary.begin("place", {"at": "1"}), "done", {"a": 1})
        diary.begin("ship", {"at": "2"})
    with file.open("a") as cut:
        cut.write('{"end":1,"outco')

    with Diary(file) as diary:
        unfinished = diary.unfinished
        diary.end(unfinished, "done", {})
        diary.begin("hold", {"at": "3"})

    assert [(entry.act, entry.outcome) for entry in read(file)] == [("place", "done"), ("ship", "done"), ("hold", "")]


def test_a_hand_that_comes_back_finishes_what_was_under_way_and_only_that(worked, tmp_path):
    hand, _made, _diaries = worked
    entry = hand.diary.entries[[item.act for item in hand.diary.entries].index("receive")]
    file = tmp_path / "back.jsonl"
    with Diary(file) as diary:
        # Killed between the commit and the note of it: the same receipt again is a repetition.
        diary.entries = [*hand.diary.entries[: entry.number], replace(entry, outcome="", told={})]
        back = Hand(0, seed=7, life=2, stage=hand.stage, begun=hand.begun, diary=diary)
        before = judging._ask(judging._ON_HAND)

        back.work(until=0)

        assert diary.entries[-1].outcome == "done"
    assert sorted(judging._ask(judging._ON_HAND)) == sorted(before)


@pytest.mark.slow
@pytest.mark.xdist_group("faults")
def test_a_short_proof_with_real_processes_is_clean_and_leaves_nothing_behind(tmp_path):
    folder = Path(tempfile.mkdtemp(prefix="np-", dir="/tmp"))
    try:
        arguments = ["--minutes", "0.25", "--processes", "3", "--seed", "3", "--reports", str(tmp_path)]
        done = subprocess.run(
            [sys.executable, "manage.py", "prove_no_oversell", *arguments],
            cwd=PROJECT,
            env={**os.environ, "TMPDIR": str(folder)},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        (report,) = tmp_path.glob("no-oversell-*.md")
        words = report.read_text()
        assert "✗" not in words
        assert words.count("✓") >= 9 + len(stage.PIECES)
        assert not list(folder.iterdir())
    finally:
        subprocess.run(["rm", "-rf", str(folder)], check=True)


@pytest.mark.parametrize("wrong", [["--minutes", "0"], ["--processes", "0"]])
def test_senseless_arguments_are_refused(wrong):
    done = subprocess.run(
        [sys.executable, "manage.py", "prove_no_oversell", *wrong], cwd=PROJECT, capture_output=True, check=False
    )

    assert done.returncode == 1
    assert wrong[0].encode() in done.stderr
