"""The invented people of the demo company: common names put together by chance, streets that no town has, numbers and addresses of nobody."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ec_gateway.management.demo.sources import dice, table

# No town counts its lots (番地) that far.
FIRST_LOT, LAST_LOT = 9_001, 9_899
BUILDINGS = ("", "", "", "コーポこだち", "メゾン青葉", "ハイツみどり", "リバーサイド", "グランド坂の上")


@dataclass(frozen=True, slots=True)
class Person:
    """One invented person, as the order document of the contract writes people."""

    number: int
    family_name: str
    given_name: str
    family_kana: str
    given_kana: str
    phone: str
    email: str
    address: Mapping[str, str]

    @property
    def as_sent(self) -> dict[str, Any]:
        names = ("family_name", "given_name", "family_kana", "given_kana", "phone")
        return {name: getattr(self, name) for name in names} | {"address": dict(self.address)}


class Population:
    """People by number. The same number is the same person, whoever asks and in whatever order."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        names = table("names")
        self._names = {
            kind: [(row["name"], row["kana"], int(row["weight"])) for row in names if row["kind"] == kind]
            for kind in ("family", "given")
        }
        self._towns = [(row, int(row["weight"])) for row in table("towns")]
        self._known: dict[int, Person] = {}

    def person(self, number: int) -> Person:
        if number not in self._known:
            self._known[number] = self._invent(number)
        return self._known[number]

    def counter(self, code: str, name: str) -> dict[str, Any]:
        """The shop of an account, as its first ship-to has it: where its orders go."""
        number = int(code[1:])
        buyer, place = self.person(90_000 + number), self.person(90_000 + number * 100 + 1)
        return {
            "company": f"{name} 店舗",
            "family_name": buyer.family_name,
            "given_name": buyer.given_name,
            "phone": buyer.phone,
            "address": dict(place.address),
        }

    def _invent(self, number: int) -> Person:
        chance = dice("person", self._seed, number)
        family, given = (self._drawn(chance, kind) for kind in ("family", "given"))
        town = chance.choices([row for row, _weight in self._towns], [weight for _row, weight in self._towns])[0]
        building = chance.choice(BUILDINGS)
        address = {
            "country": "JP",
            "postal_code": town["postal_code"],
            "prefecture": town["prefecture"],
            "city": town["city"],
            "street": f"{town['town']}{chance.randint(FIRST_LOT, LAST_LOT)}-{chance.randint(1, 30)}",
            "building": building and f"{building}{chance.randint(1, 9)}{chance.randint(1, 12):02}",
        }
        return Person(
            number=number,
            family_name=family[0],
            given_name=given[0],
            family_kana=family[1],
            given_kana=given[1],
            # No number begins its local part with 0.
            phone=f"{chance.choice(('090', '080', '070'))}-0{number // 10_000 % 1_000:03}-{number % 10_000:04}",
            email=f"buyer{number:05}@example.jp",
            address=address,
        )

    def _drawn(self, chance: random.Random, kind: str) -> tuple[str, str]:
        names = self._names[kind]
        name, kana, _weight = chance.choices(names, [weight for _name, _kana, weight in names])[0]
        return name, kana
