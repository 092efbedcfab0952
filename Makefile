# Every command of the project. `make` alone lists them.

# Built things stay outside of the checkout, so that a new clone on a warm machine is fast.
export VMBERTH_CACHE ?= /var/cache/vmberth
export VMBERTH_IMAGES ?= $(VMBERTH_CACHE)/product-images
# Who may not write there (make check needs no root) builds in the checkout.
export CARGO_TARGET_DIR ?= $(shell mkdir -p $(VMBERTH_CACHE)/target 2>/dev/null; \
	if [ -w $(VMBERTH_CACHE)/target ]; then echo $(VMBERTH_CACHE); else echo $(CURDIR); fi)/target

PLANE := $(CARGO_TARGET_DIR)/debug/plane

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

.PHONY: demo
demo: plane ## Bring the cluster up and tell the story: a VM's disk on a tainted edge node
	@tests/demo.sh

.PHONY: test
test: ## Everything: format, lints, unit, chart and end-to-end tests in the real cluster
	@tests/run.sh

.PHONY: check
check: ## The quick part of `make test`: no cluster, no root
	@tests/run.sh check

.PHONY: fuzz
fuzz: ## The property tests for ten minutes, or FUZZ_SECONDS
	@tests/fuzz.sh

.PHONY: bench
bench: ## Measure everything (root, an hour; removes the plane); writes docs/benchmarks.md and target/bench.json
	@tests/bench.sh

.PHONY: bench-scheduler
bench-scheduler: ## Of `make bench` only what needs the real kube-scheduler; prints JSON lines
	@tests/bench-scheduler.sh

.PHONY: race
race: plane ## Many VMs at once on simulated nodes: VMS=1000 NODES=200 [FAULTS=yes] [SCHEDULER=off]; docs/race.md
	@tests/race.sh

.PHONY: images
images: ## Build vmberth's container images as archives
	@images/build.sh

.PHONY: explain
explain: ## Say what the webhook would do to the objects in FILE=vm.yaml [POLICY=policy.yaml], without a cluster
	@cargo run --locked -p vmberth-webhook -- explain $(FILE) $(if $(POLICY),--policy $(POLICY))

.PHONY: plane
plane: ## Build the command `plane` (a real edge cluster on this machine)
	@cargo build --quiet --locked -p vmberth-plane

.PHONY: up
up: plane ## Bring the cluster up
	@$(PLANE) up

.PHONY: down
down: plane ## Remove the cluster
	@$(PLANE) down

.PHONY: fmt
fmt: ## Format the Rust code
	@cargo fmt --all
