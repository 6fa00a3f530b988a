"""A practice EC site: the other side of docs/generic-platform.md, as a process of its own. It imports nothing of Mamori.

    python -m ec_gateway.sandbox --data FOLDER --port 8101 --mamori http://127.0.0.1:8000 --channel CODE

It sells by its own rules from its own figures, tells Mamori by signed webhooks, answers Mamori's calls, and can be broken on purpose.
"""
