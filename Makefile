# Everything here finds libtorch by itself, or installs it once into a cache folder (see stages/libtorch.sh).
# Build outputs lie in CARGO_TARGET_DIR if it is set, else in the same cache folder.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PREFIX ?= $(HOME)/.local
BIN = $(DESTDIR)$(PREFIX)/bin
LIB = $(DESTDIR)$(PREFIX)/lib/nn-factory
# Cargo tells our packages in one clone from those in another by the times of files alone, so a build folder that served
# another clone forgets them. Outside packages stay.
OWN = here=$$(pwd -P) && mark="$$CARGO_TARGET_DIR/clone" && { [ "$$(cat "$$mark" 2>/dev/null)" = "$$here" ] \
  || { cargo clean --quiet --locked --workspace && mkdir -p "$$CARGO_TARGET_DIR" && printf '%s\n' "$$here" > "$$mark"; }; }
ENVIRONMENT = settings=$$(stages/libtorch.sh) && eval "$$settings" && $(OWN)

.PHONY: help programs build demo test lint doc install uninstall bench

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' Makefile

programs: ## Build nnf and the stage programs
	@$(ENVIRONMENT) && cargo build --locked --workspace --bins

build: ## Build everything: programs, examples and tests
	@$(ENVIRONMENT) && cargo build --locked --workspace --all-targets

demo: programs ## Run a small experiment from data to table (some minutes the first time, then nothing)
	@$(ENVIRONMENT) && nnf="$$CARGO_TARGET_DIR/debug/nnf" && "$$nnf" run pipelines/demo.yaml \
	  && "$$nnf" report pipelines/demo.yaml -o demo.html
	@echo && cat artifacts/latest/demo/table/markdown.md

test: programs ## Run all tests
	@$(ENVIRONMENT) && cargo test --locked --workspace

lint: ## Check format and lints
	@$(ENVIRONMENT) && cargo fmt --all --check && cargo clippy --locked --workspace --all-targets -- -D warnings

doc: ## Build the documentation
	@$(ENVIRONMENT) && RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps

install: programs ## Install nnf and the stage programs, with libtorch, under PREFIX (default ~/.local)
	@$(ENVIRONMENT) && install -d "$(BIN)" "$(LIB)" \
	  && for program in nnf nnf-stages nnf-data-prep; do install -s -m 755 "$$CARGO_TARGET_DIR/debug/$$program" "$(BIN)/$$program"; done \
	  && stages/libtorch.sh libraries | while read -r library; do cp -f "$$library" "$(LIB)/"; done
	@echo "installed nnf, nnf-stages and nnf-data-prep into $(BIN), libtorch into $(LIB)"

uninstall: ## Remove what `make install` put under PREFIX
	rm -f "$(BIN)/nnf" "$(BIN)/nnf-stages" "$(BIN)/nnf-data-prep"
	rm -rf "$(LIB)"

bench: build ## Measure the engine beside ninja, and uploads beside object_store
	@$(ENVIRONMENT) && tests/bench/run.sh "$$CARGO_TARGET_DIR/debug/nnf" && "$$CARGO_TARGET_DIR/debug/examples/uploads"
