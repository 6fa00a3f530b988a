"""Backup, restore and drill of the whole database. It knows the kernel and how the servers are run, and no app knows it."""
