"""The plan of a fault day: drawn from its seed alone, and nothing is left out, however short the day."""

from collections import Counter

import pytest

from ec_gateway.management.fault_day import plan as plans
from ec_gateway.management.fault_day.plan import make_plan
from ec_gateway.sandbox.faults import FAULTS


def test_the_same_seed_tries_the_same_things():
    assert make_plan(seed=7, minutes=2) == make_plan(seed=7, minutes=2)
    assert make_plan(seed=7, minutes=2).digest == make_plan(seed=7, minutes=2).digest


def test_another_seed_or_another_length_is_another_day():
    digests = {make_plan(seed=seed, minutes=minutes).digest for seed in (1, 2) for minutes in (1, 2)}

    assert len(digests) == 4


@pytest.mark.parametrize("minutes", [0.1, 1, 5])
def test_every_act_every_fault_of_every_site_and_every_kill_is_tried(minutes):
    plan = make_plan(seed=1, minutes=minutes)

    assert set(plan.counts()) == {
        *plans.SHOPPING,
        *plans.DESK,
        "edit_by_hand",
        "fault",
        *(f"kill {what}" for what in plans.KILLS),
    }
    tried = {(act.values["site"], act.values["fault"]) for act in plan.acts if act.kind == "fault"}
    assert tried == {(site, fault) for site in (1, 2, 3) for fault in FAULTS}


def test_every_parameter_is_one_that_the_practice_site_takes():
    for act in make_plan(seed=3, minutes=3).acts:
        if act.kind == "fault":
            defaults = FAULTS[act.values["fault"]].defaults
            assert set(act.values["parameters"]) <= set(defaults), act


def test_acts_come_in_order_and_lie_within_the_day():
    plan = make_plan(seed=4, minutes=1)
    times = [act.at_s for act in plan.acts]

    assert times == sorted(times)
    assert 0 <= times[0] <= times[-1] <= plan.seconds
    kills = [act.at_s for act in plan.of(plans.ROOM)]
    assert plans.FIRST_KILL * 60 <= kills[0] <= kills[-1] <= plans.LAST_KILL * 60


def test_everybody_has_work():
    whos = Counter(act.who for act in make_plan(seed=1, minutes=1).acts)

    assert set(whos) == {
        *(who for site in (1, 2, 3) for who in plans.shoppers(site)),
        *plans.DESKS,
        plans.OPERATOR,
        plans.ROOM,
    }
