import psycopg
import pytest
from django.db import connection

from erp.runtime import postgres


@pytest.mark.django_db
def test_tests_run_on_postgresql_with_the_extensions_we_need():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_available_extensions WHERE name IN ('pg_trgm', 'btree_gist')")
        assert cursor.fetchone() == (2,)


def test_a_durable_cluster_keeps_what_was_committed_before_kill_9():
    with postgres.throw_away_cluster(durable=True) as cluster:
        with psycopg.connect(cluster.url) as session:
            session.execute("CREATE TABLE kept (n int)")
            session.execute("INSERT INTO kept VALUES (1)")
        cluster.kill_9()
        assert not cluster.is_running()

        cluster.start()

        with psycopg.connect(cluster.url) as session:
            assert session.execute("SELECT n FROM kept").fetchall() == [(1,)]
