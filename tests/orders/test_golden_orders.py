"""The golden Japanese orders, to the yen. Their figures were computed by hand; when one of these fails, the program is wrong first."""

import pytest

from erp.core.verify import verify
from tests.orders.golden import golden_orders, play

pytestmark = pytest.mark.django_db


def test_there_are_twelve():
    assert len(golden_orders()) == 12


@pytest.mark.parametrize("path", golden_orders(), ids=lambda path: path.stem)
def test_golden_order(path):
    play(path)

    assert [fault for result in verify() for fault in result.faults] == []
