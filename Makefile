# What a person runs. Prerequisites: Rust, Python 3 with pip, make; see README.md.
CARGO ?= cargo

.PHONY: help test fmt

help: ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 16

fmt: ## format the sources
	$(CARGO) fmt --all

test: ## everything that must hold: format, lints, behaviour with a real Envoy, order of the house
	$(CARGO) fmt --all -- --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	$(CARGO) build --locked --workspace --bins
	$(CARGO) xtask envoy
	$(CARGO) test --locked --workspace
	$(CARGO) xtask check
