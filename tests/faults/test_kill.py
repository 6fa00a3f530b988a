"""kill -9 in mid-write, of clients and of PostgreSQL: nothing acknowledged is lost, nothing is there twice, ``verify`` is clean.

Real processes on a durable cluster. What was acknowledged in one test must still stand after the kills of the next.
"""

from __future__ import annotations

import os
import queue
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import count

import psycopg
import pytest

from erp.runtime import leash, quarters, scratch
from erp.runtime.postgres import Cluster

# One cluster for all of them, also where tests are shared out to several processes.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("faults")]

GIVE_UP_AFTER_S = 120.0
KILLED = -9

TASKS = """
SELECT o.external_id, t.kind FROM core_stafftask t JOIN orders_order o ON t.subject_type = 'ORDER' AND t.subject_id = o.id
"""
SHIPPED = """
SELECT d.source_id, -sum(m.quantity), count(DISTINCT d.id)
FROM inventory_stockdocument d JOIN inventory_stockmovement m ON m.document_id = d.id WHERE d.source_type = 'SHIPMENT' GROUP BY 1
"""
RECEIVED = """
SELECT d.external_id, sum(m.quantity), count(DISTINCT d.id)
FROM inventory_stockdocument d JOIN inventory_stockmovement m ON m.document_id = d.id WHERE d.external_id <> '' GROUP BY 1
"""
RETURNED = """
SELECT r.external_id, sum(l.quantity), count(DISTINCT r.id)
FROM orders_return r JOIN orders_returnline l ON l.document_id = r.id GROUP BY 1
"""
SOLD = "SELECT source_id, 1, count(*) FROM accounting_journalentry WHERE source_type = 'SHIPMENT' GROUP BY 1"


class Client:
    """A process of the workload, and every line that it said."""

    def __init__(self, crew: Crew, *arguments: str) -> None:
        self.lines: list[str] = []
        command = [sys.executable, "-m", "tests.faults.workload", *arguments]
        self._process = leash.start(command, env=crew.environment, output=subprocess.PIPE)
        self._reader = threading.Thread(target=self._read, args=(crew.news,), daemon=True)
        self._reader.start()

    @property
    def acknowledged(self) -> list[str]:
        return [line for line in self.lines if not line.startswith(("asks ", "refused ", "lost"))]

    @property
    def unanswered(self) -> str | None:
        """What the client was waiting for when it died."""
        said = [line for line in self.lines if line != "lost"]
        return said[-1].removeprefix("asks ") if said and said[-1].startswith("asks ") else None

    def kill_9(self) -> None:
        self._process.kill()
        assert self.wait() == KILLED, self.lines[-20:]

    def end(self) -> None:
        self._process.kill()
        self.wait()

    def wait(self) -> int:
        """The exit code, when everything that the process said was read."""
        code = self._process.wait(timeout=GIVE_UP_AFTER_S)
        self._reader.join(GIVE_UP_AFTER_S)
        assert not self._reader.is_alive()
        return code

    def _read(self, news: queue.Queue[Client]) -> None:
        with self._process.stdout as output:
            for line in output:
                self.lines.append(line.decode().rstrip("\n"))
                news.put(self)


class Crew:
    """The cluster and all clients that ever worked on it."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.environment = os.environ | {"DATABASE_URL": cluster.url, "SECRET_KEY": "faults", "LOG_LEVEL": "ERROR"}
        self.news: queue.Queue[Client] = queue.Queue()
        self.clients: list[Client] = []
        self._seeds = count(1)

    def client(self, *arguments: str) -> Client:
        self.clients.append(Client(self, *arguments))
        return self.clients[-1]

    def worker(self, acts: int = 1_000_000) -> Client:
        return self.client(str(next(self._seeds)), str(acts))

    def wait_for_acts(self, *clients: Client, acts: int) -> None:
        """Until each of the clients has heard so many answers more."""
        wanted = {client: len(client.acknowledged) + acts for client in clients}
        self.wait_until(lambda: all(len(client.acknowledged) >= number for client, number in wanted.items()))

    def wait_until(self, condition) -> None:
        deadline = time.monotonic() + GIVE_UP_AFTER_S
        while not condition():
            try:
                self.news.get(timeout=max(deadline - time.monotonic(), 0))
            except queue.Empty:
                pytest.fail(f"the clients fell silent: {[client.lines[-20:] for client in self.clients]}")

    def said(self, word: str) -> list[list[str]]:
        """What was acknowledged with this word, to whomever: the rest of each line."""
        lines = [line.split() for client in self.clients for line in client.acknowledged]
        return [rest for head, *rest in lines if head == word]

    def query(self, statement: str, *parameters: object) -> list[tuple]:
        with psycopg.connect(self.cluster.url) as connection:
            return connection.execute(statement, parameters).fetchall()


@pytest.fixture(scope="module")
def crew() -> Iterator[Crew]:
    with scratch.folder() as folder:
        # The schema is made without waiting for the disk; whatever the tests write is written for good.
        with Cluster(folder / "data", durable=False, socket_dir=folder) as fast:
            stage = [sys.executable, "-m", "tests.faults.stage"]
            subprocess.run(stage, env=Crew(fast).environment, check=True, timeout=GIVE_UP_AFTER_S)
        with Cluster(folder / "data", durable=True, socket_dir=folder) as cluster:
            crew = Crew(cluster)
            try:
                yield crew
            finally:
                for client in crew.clients:
                    client.end()
                cluster.kill_9()  # nobody needs its last checkpoint
        quarters.forget(cluster.data_dir)


def prove_nothing_is_lost(crew: Crew) -> None:
    """Every acknowledged act stands, once; nothing stands that nobody asked for; every promise is kept."""
    orders = crew.query("SELECT external_id, id, revision, cancelled_at IS NOT NULL FROM orders_order")
    of_id = {external_id: (str(key), revision, is_cancelled) for external_id, key, revision, is_cancelled in orders}
    asked = {line.split()[2] for client in crew.clients for line in client.lines if line.startswith("asks placed ")}

    assert len(of_id) == len(orders)
    assert set(of_id) <= asked
    assert [said for said in crew.said("placed") if said[0] not in of_id or of_id[said[0]][0] != said[2]] == []
    assert [said for said in crew.said("amended") if of_id[said[0]][1] < int(said[1])] == []
    assert [said for said in crew.said("cancelled") if not of_id[said[0]][2]] == []
    _prove_documents(crew)
    assert {tuple(said) for said in crew.said("deferred")} <= set(crew.query(TASKS))
    assert crew.query("SELECT sku_id FROM inventory_stockbalance WHERE allocated > on_hand OR allocated < 0") == []
    _verify(crew)


def _prove_documents(crew: Crew) -> None:
    shipments = {str(key): state for key, state in crew.query("SELECT id, state FROM orders_shipment")}
    moved, sold = _pieces(crew, SHIPPED), _pieces(crew, SOLD)
    returned, received = _pieces(crew, RETURNED), _pieces(crew, RECEIVED)

    assert [key for said in crew.said("released") for key in said if key not in shipments] == []
    assert [said for said in crew.said("shipped") if shipments[said[0]] != "SHIPPED"] == []
    assert [said for said in crew.said("shipped") if moved.get(said[0]) != (int(said[1]), 1)] == []
    assert [said for said in crew.said("shipped") if sold.get(said[0]) != (1, 1)] == []
    assert [said for said in crew.said("returned") if returned.get(said[0]) != (int(said[1]), 1)] == []
    assert [said for said in crew.said("received") if received.get(said[0]) != (int(said[1]), 1)] == []


def _pieces(crew: Crew, statement: str) -> dict[str, tuple[int, int]]:
    """By document: its pieces, and how many times it is there."""
    return {str(key): (int(pieces), times) for key, pieces, times in crew.query(statement)}


def _verify(crew: Crew) -> None:
    command = [sys.executable, "manage.py", "verify"]
    done = subprocess.run(
        command, env=crew.environment, capture_output=True, text=True, timeout=GIVE_UP_AFTER_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_clients_killed_in_mid_write_lose_nothing(crew: Crew):
    chance = random.Random(23)
    working = [crew.worker(), crew.worker()]
    killed = []

    for successors in (1, 1, 0, 0):
        # A successor goes on with the orders of the dead.
        crew.wait_for_acts(*working, acts=chance.randint(3, 12))
        # Somewhere within an act; each takes some tens of milliseconds.
        time.sleep(chance.uniform(0, 0.05))
        killed.append(working.pop(0))
        killed[-1].kill_9()
        working += [crew.worker() for _number in range(successors)]

    assert any(client.unanswered for client in killed), "nobody was in the middle of anything"
    prove_nothing_is_lost(crew)


def test_an_order_placed_again_after_the_crash_is_the_same_order(crew: Crew):
    before = crew.client("--place", "EARLY", "--dies", "before-commit")
    after = crew.client("--place", "LATE", "--dies", "after-commit")
    assert [(client.wait(), client.acknowledged) for client in (before, after)] == [(KILLED, [])] * 2
    assert _keys_of(crew, "EARLY") == []
    (late,) = _keys_of(crew, "LATE")

    again = crew.client("--place", "EARLY", "LATE", "EARLY", "LATE")

    assert again.wait() == 0, again.lines[-20:]
    (early,) = _keys_of(crew, "EARLY")
    assert _keys_of(crew, "LATE") == [late]
    assert again.acknowledged == [f"placed EARLY 1 {early}", f"placed LATE 1 {late}"] * 2


def _keys_of(crew: Crew, external_id: str) -> list[int]:
    return [key for (key,) in crew.query("SELECT id FROM orders_order WHERE external_id = %s", external_id)]


def test_a_killed_server_loses_nothing_and_its_clients_go_on(crew: Crew):
    chance = random.Random(42)
    clients = [crew.worker(), crew.worker()]

    for _kill in range(2):
        crew.wait_for_acts(*clients, acts=chance.randint(5, 15))
        time.sleep(chance.uniform(0, 0.05))
        seen = [client.lines.count("lost") for client in clients]
        crew.cluster.kill_9()
        crew.wait_until(lambda seen=seen: all(c.lines.count("lost") > n for c, n in zip(clients, seen, strict=True)))
        crew.cluster.start()
    crew.wait_for_acts(*clients, acts=10)
    for client in clients:
        client.kill_9()

    prove_nothing_is_lost(crew)
