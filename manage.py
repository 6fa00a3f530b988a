#!/usr/bin/env python
"""Django's command line, and with it every command of Mamori."""

import os
import sys

from django.core.management import execute_from_command_line

from erp.runtime import commands


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "erp.settings")
    # People read what a command prints; machines read the log of the servers.
    os.environ.setdefault("LOG_FORMAT", "plain")
    commands.keep_no_query_log()
    with commands.database_for(sys.argv):
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
