"""The web server's way in."""

import multiprocessing
import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from erp.runtime import bodies, leash

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "erp.settings")

# Granian starts its workers itself; one killed with -9 must not leave them behind.
server = multiprocessing.parent_process()
if server is not None and server.pid is not None:
    leash.die_with_parent(parent_pid=server.pid)

application = bodies.measured(get_wsgi_application(), most=settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
