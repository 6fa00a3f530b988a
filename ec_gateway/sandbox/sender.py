"""Sends webhooks, one after the other, in a thread of its own. What fails is tried three times; polling makes up for the rest."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
import threading
from dataclasses import dataclass

import httpx
from standardwebhooks import Webhook

from ec_gateway.sandbox.events import ORDER_CHANGED
from ec_gateway.sandbox.site import Site, now

TIMEOUT_S = 10.0
LONGEST_WAIT_S = 0.2
# Seconds until the next attempt, by attempts so far.
PAUSES_S = (0.5, 5.0)
SENT_KEPT = 5_000


@dataclass(frozen=True, slots=True)
class Message:
    number: int
    id: str
    type: str
    body: str
    attempts: int
    was_held: bool


class Sender(threading.Thread):
    """Stop it by ``stop``; what was not sent yet is sent by the next one over the same database."""

    def __init__(self, site: Site) -> None:
        super().__init__(name="sender", daemon=True)
        self.site = site
        self._stopped = threading.Event()
        self._failures_in_row = 0

    def stop(self) -> None:
        self._stopped.set()
        self.site.has_news.set()

    def run(self) -> None:
        with httpx.Client(timeout=TIMEOUT_S, trust_env=False) as client:
            while not self._stopped.is_set():
                self.site.has_news.clear()
                message = None if self.site.faults.is_on("dead") else self._next()
                if message is None:
                    # Held-back messages and the end of a fault come by the clock.
                    self.site.has_news.wait(LONGEST_WAIT_S)
                else:
                    self._deliver(client, message)

    def _next(self) -> Message | None:
        query = "SELECT * FROM outgoing WHERE outcome = '' AND due_at <= ? ORDER BY due_at, number LIMIT 1"
        with self.site.database.reading() as connection:
            row: sqlite3.Row | None = connection.execute(query, [now().timestamp()]).fetchone()
        if row is None:
            return None
        return Message(row["number"], row["id"], row["type"], row["body"], row["attempts"], bool(row["was_held"]))

    def _deliver(self, client: httpx.Client, message: Message) -> None:
        faults = self.site.faults
        if faults.is_on("webhooks_off") and not self._goes_by_api(message):
            return self._settle(message, "off")
        if message.attempts == 0 and not message.was_held:
            if faults.decide("webhook_lost"):
                return self._settle(message, "lost")
            if held := faults.decide("webhook_reordered"):
                return self._hold(message, held["hold_seconds"])
        duplicate = faults.decide("webhook_duplicate")
        detail = ""
        for _copy in range(1 + (duplicate["copies"] if duplicate else 0)):
            detail = self._send(client, message)
        if not detail:
            self._failures_in_row = 0
            return self._settle(message, "sent")
        self._failures_in_row += 1
        if (limit := faults.decide("webhooks_give_up")) and self._failures_in_row >= limit["after"]:
            faults.switch("webhooks_off", on=True)
        if message.attempts >= len(PAUSES_S):
            return self._settle(message, "failed", detail)
        return self._try_later(message, PAUSES_S[message.attempts], detail)

    def _send(self, client: httpx.Client, message: Message) -> str:
        """Empty when Mamori took it, else what went wrong."""
        try:
            answer = self._post_order(client, message) if self._goes_by_api(message) else self._post(client, message)
        except httpx.HTTPError as error:
            return f"{type(error).__name__}: {error}"
        is_taken = answer.is_success or (self._goes_by_api(message) and answer.status_code == httpx.codes.CONFLICT)
        return "" if is_taken else f"{answer.status_code} {answer.text[:200]}"

    def _goes_by_api(self, message: Message) -> bool:
        return bool(self.site.options.api_key) and message.type == ORDER_CHANGED

    def _post(self, client: httpx.Client, message: Message) -> httpx.Response:
        options, at = self.site.options, dt.datetime.now(dt.UTC)
        headers = {
            "Content-Type": "application/json",
            "webhook-id": message.id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Webhook(options.secret).sign(message.id, at, message.body),
        }
        address = f"{options.mamori.rstrip('/')}/webhooks/{options.channel}"
        return client.post(address, content=message.body.encode(), headers=headers)

    def _post_order(self, client: httpx.Client, message: Message) -> httpx.Response:
        options = self.site.options
        document = json.loads(message.body)["data"]
        headers = {"Authorization": f"Api-Key {options.api_key}"}
        return client.post(f"{options.mamori.rstrip('/')}/api/v1/orders", json=document, headers=headers)

    def _settle(self, message: Message, outcome: str, detail: str = "") -> None:
        with self.site.database.writing() as connection:
            update = "UPDATE outgoing SET outcome = ?, detail = ?, attempts = attempts + 1 WHERE number = ?"
            connection.execute(update, [outcome, detail, message.number])
            forget = "DELETE FROM outgoing WHERE outcome <> '' AND number <= ?"
            connection.execute(forget, [message.number - SENT_KEPT])

    def _hold(self, message: Message, seconds: float) -> None:
        """Back in the queue behind what happens meanwhile."""
        with self.site.database.writing() as connection:
            update = "UPDATE outgoing SET was_held = 1, due_at = ? WHERE number = ?"
            connection.execute(update, [now().timestamp() + seconds, message.number])

    def _try_later(self, message: Message, seconds: float, detail: str) -> None:
        with self.site.database.writing() as connection:
            update = "UPDATE outgoing SET attempts = attempts + 1, due_at = ?, detail = ? WHERE number = ?"
            connection.execute(update, [now().timestamp() + seconds, detail, message.number])
