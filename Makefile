# `make help` lists the targets. Every target that needs Python makes .venv first; nothing has to be installed by hand.
# Another interpreter: make env PYTHON=/path/to/python3.12 · another place for the environment: make env VENV=/path

VENV ?= .venv
# The first interpreter that runs and is new enough; a name that is on the PATH may still be an empty shim.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)

RUN := $(VENV)/bin/python
STAMP := $(VENV)/.made-from-pyproject-and-constraints

.PHONY: help demo env test test-all lint audit format figures published docs notebook measurement benchmarks reliability study gpu-check clean
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

demo: runs/demo/units.csv ## train 9 attractor modules on the CPU, change tau and speed, follow a rat, say where the pictures are
	$(RUN) -m topogrid intervene runs/demo
	$(RUN) -m topogrid follow runs/demo sargolini
	@echo
	@echo "Done. Open these four:"
	@echo "  tau_imgs/demo/filmstrip.png         time constants grow into a map from noise, and grid scale with them"
	@echo "  tau_imgs/demo/ratemaps.png          the best rate maps of every module"
	@echo "  tau_imgs/demo/interventions.png     tau changed: predicted and measured spacing, module by module"
	@echo "  tau_imgs/demo/follow_sargolini.png  a real rat, followed by movement alone"
	@echo "To explore every unit: runs/demo/report.html"

# The table of units is the last file of a finished run. One that stopped early goes on from its newest checkpoint.
runs/demo/units.csv: | $(STAMP)
	@ls runs/demo/checkpoints/*.pt >/dev/null 2>&1 || rm -rf runs/demo tau_imgs/demo
	$(RUN) train_grid.py --preset laptop --tau --wiring attractor --device cpu --wandb_offline --name demo --resume auto

env: $(STAMP) ## make the environment in .venv, with the versions of constraints.txt

$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { \
		echo "topogrid needs Python 3.11 or newer and found none on the PATH." >&2; \
		echo "Install one, or name it: make env PYTHON=/path/to/python3.11" >&2; exit 2; }
	@echo "Making the environment in $(VENV); the first time takes a few minutes."
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev,docs,rat,export,topology]"
	@touch $@

# Each process of the tests has one thread: several that wait for one another would be slower.
TESTS = OMP_NUM_THREADS=1 $(RUN) -m pytest --numprocesses auto --dist loadfile

test: $(STAMP) ## run the tests that take seconds, on all cores
	$(TESTS) -m "not slow"

test-all: $(STAMP) ## run every test, the slow scientific ones too
	$(TESTS)

lint: $(STAMP) ## check style, formatting and types
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

# In an environment of its own, so that nothing of it enters the one that is looked at.
audit: ## look the pinned versions up among known vulnerabilities; needs a network
	$(PYTHON) -m venv build/audit
	build/audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit
	build/audit/bin/pip-audit --requirement constraints.txt --no-deps --progress-spinner off

format: $(STAMP) ## rewrite the files in the house style
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

published: $(STAMP) ## rewrite the tables of published runs from their records
	$(RUN) -m benchmarks.science.published

docs: $(STAMP) ## build the documentation site in build/site; a warning ends the build
	$(RUN) -m sphinx --color -c docs -W --keep-going -q -d build/doctrees . build/site
	@echo "Open build/site/index.html"

figures: $(STAMP) ## measure a run again, draw its figures, say what it shows: make figures RUN_DIR=runs/demo
	$(RUN) -m topogrid analyze $(or $(RUN_DIR),runs/demo)

notebook: $(STAMP) ## execute the quickstart notebook again and keep what it shows
	PYTHONPATH=. $(RUN) -m jupyter execute --inplace --NotebookClient.record_timing=False examples/quickstart.ipynb
	$(RUN) -m benchmarks.notebook_pictures examples/quickstart.ipynb

measurement: $(STAMP) ## measure the measures: rewrites the table of docs/measurement.md
	$(RUN) -m benchmarks.science.measurement

benchmarks: $(STAMP) ## time training steps, data and evaluation: rewrites the tables of docs/performance.md
	$(RUN) -m benchmarks
	$(RUN) -m benchmarks.speed.first_minute
	$(RUN) -m benchmarks.science.precision

reliability: $(STAMP) ## stop 100 runs, try 500 settings, watch a long run: rewrites docs/reliability.md
	$(RUN) -m benchmarks.robustness.reliability

study: $(STAMP) ## train and measure what the study lacks, rewrite docs/study
	.venv/bin/topogrid study --out docs/study

gpu-check: $(STAMP) ## compare the GPU with the CPU, where there is a GPU
	$(RUN) -m benchmarks.speed.gpu_check

clean: ## remove the environment and the caches; runs/ and tau_imgs/ stay
	rm -rf $(VENV) build *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find topogrid tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
