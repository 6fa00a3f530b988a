# Two commands matter: `make run` starts Mamori on this machine, `make test` checks everything.
# Both need Python 3.11+ (with venv) and make, nothing else, and may run beside each other.

PYTHON ?= python3

.PHONY: help run stop test test-all test-slow test-browser test-faults lint bench messages lock
.DEFAULT_GOAL := help

# One plain command each: make then starts it without a shell in between, and it can die with make.
runtime = $(PYTHON) -I erp/runtime/environment.py requirements.txt
development = $(PYTHON) -I erp/runtime/environment.py requirements-dev.txt

help:
	@echo "make run       start Mamori: database, web server, worker; Ctrl-C stops it"
	@echo "make stop      stop it from another terminal"
	@echo "make test      everything that must hold before a change is accepted"
	@echo "make test-all  the same, the slow tests, every desk's day in a browser, a minute of every fault"
	@echo "make test-slow     fresh clones, whole replays, fuzzing, drills; part of test-all"
	@echo "make test-browser  every desk's day in a browser; part of test-all"
	@echo "make test-faults   a minute of every fault with all processes; part of test-all"
	@echo "make lint      the checks that need no database"
	@echo "make bench     every benchmark, as ratios"
	@echo "make messages  bring the Japanese catalogue up to date"
	@echo "make lock      lock the packages named in requirements*.in"

run:
	@$(runtime) -m erp.runtime.supervisor run --dies-with-parent

stop:
	@$(runtime) -m erp.runtime.supervisor stop

test:
	@$(development) -m erp.runtime.checks test

test-all:
	@$(development) -m erp.runtime.checks test-all

test-slow:
	@$(development) -m erp.runtime.checks test-slow

test-browser:
	@$(development) -m erp.runtime.checks test-browser

test-faults:
	@$(development) -m erp.runtime.checks test-faults

lint:
	@$(development) -m erp.runtime.checks lint

bench:
	@$(development) -m benchmarks

messages:
	@$(development) -m erp.runtime.catalogue update

UV = $(development) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --no-header
lock:
	@$(development) -m pip install --quiet uv
	@$(UV) requirements.in -o requirements.txt
	@$(UV) requirements-dev.in -o requirements-dev.txt
