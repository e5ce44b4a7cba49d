# make run     everything in this terminal; ARGS="--port 9000" for more      make demo    with services to break
# make fleet   the processes of a fleet on this machine                      make test    the whole suite
# make lint    style, types, arrows                                          make clean   all but the data
# make bench   checks a second, beside the naive design                      make soak    the faults, all and for longer
# make fuzz    the API by its own document, for ten minutes: HEALTHMGR_FUZZ_SECONDS=60 for one
# make pictures  every page in light and dark, wide and narrow, in build/pictures
# make anomaly DATA=folder    the anomaly detector on labelled series

# Any Python from 3.11 on that can make virtual environments; PYTHON=/path/to/python3 chooses another.
PYTHON ?= $(shell for candidate in python3.13 python3.12 python3.11 python3; do \
	"$$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& { echo "$$candidate"; break; }; done)
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input

.PHONY: run demo fleet test lint bench bench-metrics fuzz soak pictures lock clean
.DELETE_ON_ERROR:

run: $(VENV)/installed-run
	@$(BIN)/python -m healthmgr.cli.main up $(ARGS)

demo: $(VENV)/installed-run
	@$(BIN)/python -m healthmgr.cli.main up --demo $(ARGS)

fleet: $(VENV)/installed-run
	@$(BIN)/python -m healthmgr.cli.main up --fleet $(ARGS)

# In as many processes as there is use for; WORKERS=0 for one. What is compiled is kept, whatever the surroundings say:
# the tests start a hundred processes of ours.
WORKERS ?= auto
test: $(VENV)/installed-dev
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadscope --no-loadscope-reorder $(ARGS)

lint: $(VENV)/installed-dev
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/lint-imports
	@if docker compose version >/dev/null 2>&1; then echo "docker compose config -q"; \
	POSTGRES_PASSWORD=x REDIS_PASSWORD=x FLOWER_PASSWORD=x HEALTHMGR_SECRET_KEY=x docker compose config -q; \
	else echo "docker compose is not here: docker-compose.yml is not checked"; fi

# What this machine does in a second, beside the naive design and bare Celery: a few minutes; ARGS=--quick for one.
bench: $(VENV)/installed-run
	@$(BIN)/python -m scripts.bench $(ARGS)

# Ten million results, rolled up, and how soon they answer: a quarter of an hour; ARGS="--results 200000" for a minute.
bench-metrics: $(VENV)/installed-run
	@LOG_LEVEL=error $(BIN)/python -m scripts.bench.rollups $(ARGS)

# Ten thousand checks with a month of rollups on the dashboard, and a hundred who look at it: about ten minutes;
# ARGS="--checks 300 --days 2 --turns 1 --saturating 0" for two.
bench-dashboard: $(VENV)/installed-run
	@LOG_LEVEL=error $(BIN)/python -m scripts.bench.dashboard $(ARGS)

# Everything that is killed, flushed and paused, and for longer than in the suite: about a quarter of an hour.
soak: $(VENV)/installed-dev
	@HEALTHMGR_SOAK_SECONDS=$${HEALTHMGR_SOAK_SECONDS:-120} $(BIN)/python -m pytest tests/faults -o log_cli=true $(ARGS)

# Whatever the OpenAPI document allows and what it does not, at every address; HEALTHMGR_FUZZ_SEED repeats a run.
fuzz: $(VENV)/installed-dev
	@HEALTHMGR_FUZZ_SECONDS=$${HEALTHMGR_FUZZ_SECONDS:-600} $(BIN)/python -m pytest tests/api/test_fuzz.py $(ARGS)

# Every page in light and dark, wide and narrow, to be looked at.
pictures: $(VENV)/installed-dev
	@HEALTHMGR_PICTURES=build/pictures $(BIN)/python -m pytest tests/browser/test_every_page.py $(ARGS)

# How well the anomaly detector does on a labelled corpus: DATA is a folder with windows.json.
anomaly: $(VENV)/installed-run
	@$(BIN)/python -m scripts.anomaly_corpus $(DATA)

# Takes over what is installed now as the versions to install from now on.
lock: $(VENV)/installed-dev
	$(BIN)/python scripts/lock.py

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -not -path './data/*' -prune -exec rm -rf {} +

$(VENV)/installed-run: requirements/run.lock pyproject.toml | $(VENV)/made
	@echo "Installing what is pinned in requirements/run.lock (a minute or so, this once)"
	@$(PIP) install --quiet --requirement requirements/run.lock
	@rm -rf healthmgr.egg-info  # left by an earlier version, it would hide new entry points
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/installed-dev: requirements/dev.lock $(VENV)/installed-run
	@echo "Installing what is pinned in requirements/dev.lock"
	@$(PIP) install --quiet --requirement requirements/dev.lock
	@touch $@

# Made anew when its Python has gone away.
$(VENV)/made:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer with venv is needed (Debian, Ubuntu: apt install python3 python3-venv)" >&2; exit 1; }
	@"$(BIN)/python" -c pass 2>/dev/null || { rm -rf $(VENV) && "$(PYTHON)" -m venv $(VENV); }
	@touch $@
