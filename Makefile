# What a person runs. Prerequisites: Rust, Python 3 with pip, make; see README.md.
CARGO ?= cargo
ONCE ?=

# How many cases `make fuzz` tries for each property.
CASES ?= 200000

# Which cluster `make cluster` and `make cluster-down` mean.
NAME ?= default
BED = $(CARGO) run --locked --quiet --package ferromesh-testkit --bin ferromesh-cluster --

# What of the suites `make e2e` runs: a part of a name of tests, or nothing.
TESTS ?=

.PHONY: help demo test test-root bench fuzz fmt cluster cluster-down cluster-images images e2e

help: ## what there is
	@sed -nE 's/^([a-z0-9-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

demo: ## the sample shop with real Envoys and live traffic, until Ctrl-C (ONCE=1: only the tour)
	@$(CARGO) build --locked --workspace --bins
	@$(CARGO) xtask envoy
	@$(CARGO) run --locked --quiet --package ferromesh-testkit --bin ferromesh-demo -- $(if $(filter-out 0 no,$(ONCE)),--once)

bench: ## what the control plane costs, next to a floor (needs valgrind; some minutes)
	@$(CARGO) xtask bench

fuzz: ## hostile bytes and policies, much longer than in `make test` (CASES=200000 for each property; some minutes)
	PROPTEST_CASES=$(CASES) $(CARGO) test --locked --package ferromesh-ca --test ca garbage
	PROPTEST_CASES=$(CASES) $(CARGO) test --locked --package ferromesh-dialect-istio unforeseen
	PROPTEST_CASES=$(CASES) $(CARGO) test --locked --package ferromesh-injector --test hostile

fmt: ## format the sources
	$(CARGO) fmt --all

test: ## everything that must hold and needs no root: format, lints, behaviour with a real Envoy, order of the house
	$(CARGO) fmt --all -- --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	$(CARGO) build --locked --workspace --bins
	$(CARGO) xtask envoy
	$(CARGO) test --locked --workspace
	$(CARGO) xtask check

test-root: ## what needs root, ip, nft and setpriv besides: transparent capture, in network namespaces
	$(CARGO) clippy --locked --package ferromesh-testkit --test capture -- -D warnings
	$(CARGO) build --locked --workspace --bins
	$(CARGO) xtask envoy
	$(CARGO) test --locked --package ferromesh-testkit --test capture

cluster: ## a real Kubernetes cluster of one node on this machine (NAME=default; needs Linux, root and Go; minutes, once)
	@$(BED) check
	@programs=$$($(CARGO) xtask cluster) && $(BED) up --name $(NAME) --programs "$$programs"

cluster-down: ## remove that cluster with every trace of it (NAME=default)
	@$(BED) down --name $(NAME)

cluster-images: ## build the images and load them into that cluster (NAME=default)
	@archives=$$($(CARGO) xtask images) && $(BED) import --name $(NAME) $$archives

images: ## the images as OCI archives in target/images, without Docker
	@$(CARGO) xtask images

e2e: ## the suites that need a real cluster, on a fresh one (needs Linux, root and Go; TESTS=part-of-a-name)
	@CARGO=$(CARGO) e2e/run $(TESTS)
