# Two commands matter: `make run` starts Mamori on this machine, `make test` checks everything.
# Both need Python 3.11+ (with venv) and make, nothing else, and may run beside each other.

PYTHON ?= python3

.PHONY: help run stop test test-all lint bench messages lock
.DEFAULT_GOAL := help

# A broken environment must not be used, so each recipe ends when making it fails. The last `exec` leaves no shell
# between make and the program, which dies with make.
runtime = python=$$($(PYTHON) -I erp/runtime/environment.py requirements.txt) || exit 1;
development = python=$$($(PYTHON) -I erp/runtime/environment.py requirements-dev.txt) || exit 1;

help:
	@echo "make run       start Mamori: database, web server, worker; Ctrl-C stops it"
	@echo "make stop      stop it from another terminal"
	@echo "make test      everything that must hold before a change is accepted"
	@echo "make test-all  the same and the slow tests"
	@echo "make lint      the checks that need no database"
	@echo "make bench     every benchmark, as ratios"
	@echo "make messages  bring the Japanese catalogue up to date"
	@echo "make lock      lock the packages named in requirements*.in"

run:
	@$(runtime) exec $$python -m erp.runtime.supervisor run --dies-with-parent

stop:
	@$(runtime) exec $$python -m erp.runtime.supervisor stop

test:
	@$(development) exec $$python -m erp.runtime.checks test

test-all:
	@$(development) exec $$python -m erp.runtime.checks test-all

lint:
	@$(development) exec $$python -m erp.runtime.checks lint

bench:
	@$(development) exec $$python -m benchmarks

messages:
	@$(development) exec $$python -m erp.runtime.catalogue update

UV = $$python -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --no-header
lock:
	@$(development) $$python -m pip install --quiet uv && \
	$(UV) requirements.in -o requirements.txt && $(UV) requirements-dev.in -o requirements-dev.txt
