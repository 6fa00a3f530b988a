"""The change feed: gap-free under concurrent commits, at least once, by audience, and refused after a restore."""

import io
import threading
import time
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction

from erp.core import changes
from erp.core.changes import Change, Cursor, CursorExpired
from erp.core.models import FeedEpoch
from tests.racing import race

NOON = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)


@pytest.fixture
def other_session():
    """A second connection to the same database, in whose transaction a test stays as long as it likes."""
    session = connection.get_new_connection(connection.get_connection_params())
    yield session
    session.rollback()
    session.close()


def write(session, key: str) -> int:
    sql = "INSERT INTO core_changerow (epoch, topic, key, recorded_at) VALUES (%s, 'stock', %s, now()) RETURNING id"
    with session.cursor() as cursor:
        cursor.execute(sql, [changes.current_cursor().epoch, key])
        return cursor.fetchone()[0]


def keys(found: list[Change]) -> set[str]:
    return {change.key for change in found}


@pytest.mark.django_db(transaction=True)
def test_a_commit_that_came_late_is_not_missed_where_an_id_cursor_misses_it(other_session):
    start = changes.current_cursor()
    slow_id = write(other_session, "slow")
    with transaction.atomic():
        changes.record(topic="stock", keys=["quick"])

    # A reader by number sees only the quick row now, and would continue behind it.
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(id) FROM core_changerow WHERE epoch = %s", [start.epoch])
        [seen_up_to] = cursor.fetchone()
    first, middle = changes.read(start)
    assert keys(first) == set()

    other_session.commit()
    second, end = changes.read(middle)
    assert keys(second) == {"quick", "slow"}
    assert slow_id < seen_up_to  # so "WHERE id > seen_up_to" would never have shown it
    assert keys(changes.read(end)[0]) == set()


@pytest.mark.django_db(transaction=True)
def test_a_long_transaction_between_holds_back_and_loses_nothing(other_session):
    start = changes.current_cursor()
    write(other_session, "long")
    for number in range(5):
        with transaction.atomic():
            changes.record(topic="stock", keys=[number])
    before, cursor = changes.read(start)
    other_session.rollback()

    after, _end = changes.read(cursor)

    assert keys(before) | keys(after) == {"0", "1", "2", "3", "4"}


@pytest.mark.django_db(transaction=True)
def test_four_writers_and_a_reader_lose_nothing():
    start = changes.current_cursor()
    done = threading.Event()
    seen: set[str] = set()

    def writer(name: str) -> None:
        try:
            for number in range(50):
                with transaction.atomic():
                    changes.record(topic="stock", keys=[f"{name}-{number}"])
        finally:
            connections.close_all()

    def reader() -> None:
        cursor = start
        try:
            while not done.is_set():
                found, cursor = changes.read(cursor)
                seen.update(keys(found))
            # Whatever else runs on the cluster, an autovacuum for one, holds the horizon back for a moment.
            until = time.monotonic() + 30
            while len(seen) < 200 and time.monotonic() < until:
                found, cursor = changes.read(cursor)
                seen.update(keys(found))
        finally:
            connections.close_all()

    reading = threading.Thread(target=reader)
    writing = [threading.Thread(target=writer, args=[name]) for name in "abcd"]
    for thread in [reading, *writing]:
        thread.start()
    for thread in writing:
        thread.join(timeout=60)
    done.set()
    reading.join(timeout=60)

    assert seen == {f"{name}-{number}" for name in "abcd" for number in range(50)}


@pytest.mark.django_db(transaction=True)
def test_a_rolled_back_fact_is_not_announced():
    start = changes.current_cursor()

    with transaction.atomic():
        changes.record(topic="stock", keys=[1])
        transaction.set_rollback(True)

    assert changes.read(start)[0] == []


@pytest.mark.django_db(transaction=True)
def test_a_channel_sees_its_own_rows_and_everyones_and_topics_can_be_chosen():
    start = changes.current_cursor()
    with transaction.atomic():
        changes.record(topic="order", keys=[1, 1], audience="EC1")
        changes.record(topic="order", keys=[2], audience="EC2")
        changes.record(topic="stock", keys=[3])

    assert set(changes.read(start, audience="EC1")[0]) == {Change("order", "1", "EC1"), Change("stock", "3", "")}
    assert keys(changes.read(start, audience="EC1", topics=["order"])[0]) == {"1"}
    assert keys(changes.read(start, topics=["stock", "order"])[0]) == {"1", "2", "3"}


@pytest.mark.django_db(transaction=True)
def test_a_new_epoch_refuses_every_old_cursor():
    old = changes.current_cursor()
    with transaction.atomic():
        changes.record(topic="stock", keys=["lost in the restore"])

    changes.start_epoch(reason="restored", at=NOON)

    with pytest.raises(CursorExpired):
        changes.read(old)
    fresh = changes.current_cursor()
    assert fresh.epoch > old.epoch
    assert changes.read(fresh)[0] == []


@pytest.mark.django_db(transaction=True)
def test_the_command_begins_an_epoch_and_says_what_it_costs():
    old, told = changes.current_cursor(), io.StringIO()

    call_command("start_epoch", reason=" restored from the backup of Monday ", stdout=told)

    begun = FeedEpoch.objects.latest("pk")
    assert begun.pk > old.epoch
    assert begun.reason == "restored from the backup of Monday"
    assert f"epoch {begun.pk} of the change feed began (before: {old.epoch})" in told.getvalue()
    assert "every reader" in told.getvalue()
    with pytest.raises(CursorExpired):
        changes.read(old)


@pytest.mark.django_db
@pytest.mark.parametrize("reason", [" ", "x" * 101])
def test_the_command_wants_a_reason_that_fits(reason):
    before = FeedEpoch.objects.count()

    with pytest.raises(CommandError, match="1 to 100 characters"):
        call_command("start_epoch", reason=reason)

    assert FeedEpoch.objects.count() == before


@pytest.mark.django_db
def test_a_cursor_from_the_future_is_refused():
    now = changes.current_cursor()

    with pytest.raises(CursorExpired):
        changes.read(Cursor(now.epoch, now.xid + 1_000_000))


def test_a_cursor_survives_being_written_and_anything_else_is_refused():
    assert Cursor.parse(str(Cursor(3, 4711))) == Cursor(3, 4711)
    for text in ("", "3", "3.", "x.1", "1.-2", "1.2.3"):
        with pytest.raises(CursorExpired):
            Cursor.parse(text)


@pytest.mark.django_db
def test_months_have_their_partition_and_a_month_with_early_rows_keeps_them():
    first = datetime(2031, 1, 15, tzinfo=UTC).date()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO core_changerow (epoch, topic, key, recorded_at) VALUES (1, 'stock', 'early', '2031-02-10')"
        )

    assert changes.ensure_partitions(first=first) == ["core_changerow_203101", "core_changerow_203103"]
    assert changes.ensure_partitions(first=first) == []
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM core_changerow WHERE key = 'early'")
        assert cursor.fetchone() == ("core_changerow_default",)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("limit", [1, 2, 3, 4, 100])
def test_pages_are_cut_between_transactions_and_together_are_everything(limit):
    start = changes.current_cursor()
    written = [["a", "b"], ["c"], ["d", "e", "f"], ["g"]]
    for batch in written:
        with transaction.atomic():
            changes.record(topic="stock", keys=batch)

    pages = [changes.read_page(start, limit=limit)]
    while pages[-1].has_more:
        pages.append(changes.read_page(pages[-1].cursor, limit=limit))

    together = [keys(page.changes) for page in pages]
    assert set.union(*together) == set("abcdefg")
    assert all(sum(len(set(batch) & page) in (0, len(batch)) for batch in written) == 4 for page in together)
    assert all(len(page) <= max(limit, 3) for page in together)
    assert len(pages) == {1: 4, 2: 4, 3: 3, 4: 2, 100: 1}[limit]
    assert pages[-1].cursor == changes.read(start)[1]


@pytest.mark.django_db(transaction=True)
def test_a_page_counts_only_what_its_reader_may_see():
    start = changes.current_cursor()
    with transaction.atomic():
        changes.record(topic="order", keys=["theirs 1", "theirs 2", "theirs 3"], audience="B")
    with transaction.atomic():
        changes.record(topic="order", keys=["ours"], audience="A")

    page = changes.read_page(start, limit=1, audience="A")

    assert (keys(page.changes), page.has_more) == ({"ours"}, False)


def an_old_month(month: str, key: str) -> Cursor:
    """A row of long ago; gives the cursor of a reader who stood before it."""
    start = changes.current_cursor()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO core_changerow (epoch, topic, key, recorded_at) VALUES (%s, 'stock', %s, %s)",
            [start.epoch, key, f"{month}-10 00:00+00"],
        )
    return start


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("has_partition", [True, False], ids=["a partition of its own", "in the default partition"])
def test_who_stood_before_what_was_given_up_reads_the_full_list_and_who_stood_behind_reads_on(has_partition):
    if has_partition:
        changes.ensure_partitions(first=datetime(2024, 1, 1, tzinfo=UTC).date(), months=1)
    left_behind = an_old_month("2024-01", "old")
    up_to_date = an_old_month("2024-03", "new")
    assert keys(changes.read(left_behind)[0]) == {"old", "new"}

    dropped = changes.forget(before=datetime(2024, 2, 20, tzinfo=UTC), at=NOON)

    assert dropped == (["core_changerow_202401"] if has_partition else [])
    with pytest.raises(CursorExpired):
        changes.read(left_behind)
    assert keys(changes.read(up_to_date)[0]) == {"new"}
    assert changes.forget(before=datetime(2024, 2, 20, tzinfo=UTC), at=NOON) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("has_partition", [True, False], ids=["a partition of its own", "in the default partition"])
def test_what_goes_while_it_is_being_read_is_noticed(has_partition):
    """Whoever asked for the cuts first and then read would find neither the cut nor the row."""
    if has_partition:
        changes.ensure_partitions(first=datetime(2024, 1, 1, tzinfo=UTC).date(), months=1)
    left_behind = an_old_month("2024-01", "old")

    [outcome] = race(
        lambda: changes.read(left_behind),
        table="core_changerow",
        mode="ACCESS EXCLUSIVE",
        meanwhile=lambda: changes.forget(before=datetime(2024, 2, 20, tzinfo=UTC), at=NOON),
    )

    assert isinstance(outcome, CursorExpired)


@pytest.mark.django_db(transaction=True)
def test_a_month_goes_only_when_all_of_it_is_old_enough():
    changes.ensure_partitions(first=datetime(2024, 1, 1, tzinfo=UTC).date(), months=1)
    start = an_old_month("2024-01", "old")

    assert changes.forget(before=datetime(2024, 1, 31, 23, 59, tzinfo=UTC), at=NOON) == []
    assert keys(changes.read(start)[0]) == {"old"}
    assert changes.forget(before=datetime(2024, 2, 1, tzinfo=UTC), at=NOON) == ["core_changerow_202401"]


@pytest.mark.django_db(transaction=True)
def test_a_partition_that_somebody_reads_stays_until_the_next_time(other_session):
    changes.ensure_partitions(first=datetime(2024, 1, 1, tzinfo=UTC).date(), months=1)
    start = an_old_month("2024-01", "old")
    with other_session.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM core_changerow")

    assert changes.forget(before=datetime(2024, 2, 1, tzinfo=UTC), at=NOON) == []
    assert keys(changes.read(start)[0]) == {"old"}

    other_session.rollback()
    assert changes.forget(before=datetime(2024, 2, 1, tzinfo=UTC), at=NOON) == ["core_changerow_202401"]
