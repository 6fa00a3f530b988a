"""The Celery app as it is, but whoever applies the order ``A-deadly`` dies of it at once, as of a crash or of the lack of memory."""

import os
import signal

import django

from erp.celery import app

django.setup()

from erp.orders import services  # noqa: E402

_place_orders = services.place_orders


def place_orders(**arguments):
    if any(order.external_id == "A-deadly" for order in arguments["orders"]):
        os.kill(os.getpid(), signal.SIGKILL)
    return _place_orders(**arguments)


services.place_orders = place_orders

__all__ = ["app"]
