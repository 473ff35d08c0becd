# Eventra: `make demo` shows it, `make test` proves it. Both install what they need and can be run again.

SHELL := /bin/bash
.DEFAULT_GOAL := help
# The build cache lives outside the checkout, so that a fresh clone does not build the world again.
export CARGO_TARGET_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/eventra/target
export CARGO_INCREMENTAL ?= 0
# Where rustup puts cargo: a shell that was open before has not heard of it.
export PATH := $(PATH):$(HOME)/.cargo/bin
EVENTRA := $(CARGO_TARGET_DIR)/release/eventra

.PHONY: help demo demo-crash test bench bench-peers check-replays build pages screenshots setup setup-test clean fmt lint doc unit sim

help: ## Lists the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: ## Installs what a build needs (Debian packages as root only) and checks the tools
	@scripts/setup

setup-test:
	@scripts/setup test

pages: setup ## Builds the pages that the binary embeds (only when they changed)
	@scripts/dashboards build

build: pages ## Builds the pages and the release binary
	@echo "==> building eventra (about 4 minutes on two quiet cores the first time, 1.1 GB of disk)"
	@cargo build --release --locked -p eventra

demo: build ## Runs a simulated conference: log, dataflow, ClickHouse and a live view in one process
	@$(EVENTRA) demo

demo-crash: build ## Kills the process and the engine under load, restarts, and verifies
	@$(EVENTRA) demo --crash

test: setup-test ## Everything that CI checks: format, lints, docs, floors, tests against the real engine
	@scripts/test

fmt: ## Formats the sources
	@cargo fmt --all

lint: ## Lints as CI does
	@cargo clippy --workspace --all-targets --locked -- -D warnings

doc: ## Builds the documentation as CI does
	@RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

screenshots: build ## Takes the screenshots of the README (needs Chromium)
	@scripts/screenshots $(EVENTRA)

sim: ## 10,000 seeded crash runs of the whole system
	@cargo run --release --locked -p sim -- --runs 10000

check-replays: build ## Replays the public data sets and compares with DuckDB
	@scripts/check-replays $(EVENTRA)

# What `make bench` measures: sizes in per cent (less is quicker and says less), rounds of each side, which rows.
PERCENT ?= 100
ROUNDS ?= 5
ROWS ?= all
LOAD = $(CARGO_TARGET_DIR)/release/load $(ROWS) --percent $(PERCENT) --rounds $(ROUNDS)

bench: build ## Prints the benchmark table (no peers to install; about 40 minutes; PERCENT=2 for a try)
	@echo "==> building the benchmarks (about 3 minutes the first time)"
	@cargo build --release --locked -p load
	@$(EVENTRA) engine install
	@$(LOAD)

bench-peers: build ## The benchmarks beside Redis, Flink, socket.io, NATS and pretix, installed into the user's cache
	@echo "==> building the benchmarks (about 3 minutes the first time)"
	@cargo build --release --locked -p load
	@$(EVENTRA) engine install
	@benches/peers/install.sh
	@$(LOAD) --peers

clean: ## Removes the build cache and benchmark results; data directories stay
	@cargo clean
	@rm -rf target/bench
