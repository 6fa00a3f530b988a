"""Running Mamori on one machine: embedded servers, the supervisor of ``make run`` and the checks of ``make test``.

Nothing in the domain imports this package. Every process it starts dies with the process that started it, but for the
heirs that clear away what it leaves.
"""
