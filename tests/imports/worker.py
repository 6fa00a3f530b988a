"""A worker of imports as a process of its own, to be killed: ``python -m tests.imports.worker``. Says ``chunk`` behind every one."""

from __future__ import annotations

import datetime as dt
import os
import time

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "erp.settings")

if __name__ == "__main__":
    import django

    django.setup()

    from django.utils import timezone

    from erp.imports import running

    running.LARGEST_CHUNK = 50
    running.CLAIM = dt.timedelta(seconds=2)
    took = running.Pace.took

    def noted(pace, seconds):
        took(pace, seconds)
        print("chunk", flush=True)
        time.sleep(0.05)

    setattr(running.Pace, "took", noted)  # noqa: B010 # a method is watched
    while not running.work_off(clock=timezone.now):
        time.sleep(0.1)
    print("done", flush=True)
