# `make demo` and `make test` need git, make and python3; everything else they fetch.
.PHONY: demo test check style types imports contracts unit bench up down schemas clean set-up
bin := .venv/bin
two := -n 2 --dist loadfile --no-loadscope-reorder # two workers, a file's tests in one of them, the long files first
kinds := $(filter-out tests/unit tests/contracts tests/bench tests/support tests/data,$(patsubst %/,%,$(wildcard tests/[a-z]*/)))

demo: set-up ## one campaign from registration to result, on real servers
	$(bin)/zhumeng demo

test: check ## everything; needs no running server and leaves none
	$(bin)/python -m deploy.local.rabbitmq43
	$(bin)/pytest -q $(two) $(kinds)

check: style types imports contracts unit ## what needs no server; a minute or two

style: set-up
	$(bin)/ruff check -q
	$(bin)/ruff format -q --check

types: set-up
	$(bin)/mypy --no-error-summary

imports: set-up
	$(bin)/lint-imports --no-logo --no-cache

contracts: set-up
	$(bin)/zhumeng contracts check

unit: set-up
	$(bin)/pytest -q $(two) tests/unit tests/contracts

bench: set-up ## one JSON line per measure; `make bench ONLY=relay` for a part
	$(bin)/python -m tests.bench $(ONLY)

up: set-up
	$(bin)/zhumeng up

down: set-up
	$(bin)/zhumeng down

schemas: set-up
	$(bin)/zhumeng contracts generate

clean: ## the environment, caches and the local stack's data
	if [ -x $(bin)/zhumeng ]; then $(bin)/zhumeng down --wipe; fi
	rm -rf .venv .bootstrap .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

set-up:
	@deploy/setup.sh
