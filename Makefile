# Two commands matter: make demo, make test.  Both work on a fresh clone with Python >= 3.11.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test slow docs format benchmarks audit clean

demo: .venv/installed ## train, explain, score and report on phantoms; prints where the report is
	$(BIN)/heatproof demo

test: .venv/tested ## linters, types, import contract and every test but the slow ones
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n 2 -m "not slow"

slow: .venv/tested ## the tests that take minutes
	$(BIN)/pytest -n 2 -m slow

docs: .venv/tested ## the documentation as a site, in site/
	$(BIN)/mkdocs build --strict

format: .venv/tested
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

benchmarks: .venv/tested ## side by side with the bare model and the peers
	for script in explain xrai score localize trust data phantom training memory verdicts; do $(BIN)/python benchmarks/$$script.py || exit 1; done

audit: .venv/installed ## known weaknesses of the pinned packages; asks a database of advisories over the network
	$(PYTHON) -m venv .venv/audit
	.venv/audit/bin/python -m pip install --quiet pip-audit
	.venv/audit/bin/pip-audit --requirement constraints.txt --no-deps --disable-pip

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "heatproof needs Python >= 3.11; say make PYTHON=python3.12, for example")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

.venv/tested: .venv/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test,staple,zoo]'
	touch $@

clean:
	rm -rf .venv runs .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
