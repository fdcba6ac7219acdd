# All tasks of this repository. `make help` lists them. Tools are installed under .local/ and nowhere else.

# What the local AWS needs. Each of the other environments is installed when a target first needs it.
VENV   := .local/venv
PYTHON := $(VENV)/bin/python
STACK  := $(PYTHON) infra/local/stack.py

# For `make build` and `make watch`: zig alone is 400 MB.
CARGO_LAMBDA      := .local/cargo-lambda
WITH_CARGO_LAMBDA := PATH="$(CURDIR)/$(CARGO_LAMBDA)/bin:$$PATH"

# For `make check`. checkov is separate because it needs older versions of the same packages.
CHECK     := .local/check
CHECKOV   := .local/checkov
TEMPLATES := $(wildcard infra/*.yaml)

# Build the functions by name. If cargo built the whole workspace, they would get features that only the tests need.
FUNCTIONS := $(addprefix --package ,$(notdir $(wildcard functions/*)))

# The local stack reads the builds from here, even if your cargo usually puts them somewhere else.
export CARGO_TARGET_DIR := $(CURDIR)/target

SAM := .local/sam

ENVIRONMENTS := $(addsuffix /ready,$(VENV) $(CARGO_LAMBDA) $(CHECK) $(CHECKOV) $(SAM))

# Each built by itself, so that none of them gets the features that another needs.
BENCH     := .local/bench
DRIVER    := cargo run --quiet --locked --profile driver --package bench --
FLOORS    := $(addsuffix -floor,$(notdir $(wildcard bench/floors/*)))
RUST_PEER := --manifest-path bench/peers/rust/Cargo.toml

# For `make fuzz`
CARGO_FUZZ := 0.13.2
MINUTES    := 20

CARGO_DENY    := .local/cargo/cargo-deny@0.20.2
CARGO_MACHETE := .local/cargo/cargo-machete@0.9.2
WITH_CARGO    := PATH="$(CURDIR)/.local/cargo/bin:$$PATH"

BANK_HOLIDAYS := https://www.gov.uk/bank-holidays.json

.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help dev up down logs mailbox watch test check fuzz build deploy deployment-id bank-holidays bench bench-load bench-check \
	settings binaries zips rust-peer cargo arm64 valgrind node

help: ## list the targets (the default)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

dev: $(VENV)/ready binaries ## run the API on a local AWS, post one enquiry and follow the logs; Ctrl-C stops it
	@$(STACK) dev

up: $(VENV)/ready binaries ## run the API on a local AWS in the background; you can set PORT, RATE_LIMIT and ENVIRONMENT (sandbox or live)
	@$(STACK) up

down: $(VENV)/ready ## stop what `make up` started
	@$(STACK) down

logs: $(VENV)/ready ## follow the logs of what `make up` started
	@$(STACK) logs

mailbox: $(VENV)/ready ## print the emails that the local AWS has received
	@$(STACK) mailbox

watch: cargo $(VENV)/ready $(CARGO_LAMBDA)/ready ## run create-enquiry on port 9000 with the local AWS behind it, and rebuild it on every save
	cargo build --locked $(FUNCTIONS)
	@$(WITH_CARGO_LAMBDA) $(STACK) --binaries target/debug watch

test: $(VENV)/ready binaries ## run all tests; the end-to-end and upgrade tests use their own local AWS
	cargo test --locked --workspace --exclude end-to-end --all-targets
	STACK_DIR=.local/test RUST_TEST_THREADS=8 $(STACK) run cargo test --locked --package end-to-end --tests
	$(PYTHON) infra/local/test_upgrade.py

check: cargo $(CHECK)/ready $(CHECKOV)/ready $(CARGO_DENY) $(CARGO_MACHETE) ## check formatting, lints, documentation, dependencies and templates
	cargo fmt --check
	cargo fmt --check $(RUST_PEER)
	cargo update --quiet --locked --workspace $(RUST_PEER)
	$(CHECK)/bin/python infra/deployment_id.py
	$(CHECK)/bin/python -m unittest discover --start-directory infra
	$(CHECK)/bin/cfn-lint --append-rules cfn_lint_serverless.rules -- $(TEMPLATES)
	$(CHECKOV)/bin/checkov --quiet --compact --skip-download --framework cloudformation $(addprefix --file ,$(TEMPLATES))
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps
	$(WITH_CARGO) cargo machete
	$(WITH_CARGO) cargo deny check bans licenses sources

fuzz: cargo ## look for texts that hide a secret from the redaction, for MINUTES=20 on two cores; needs Rust nightly
	cargo install --quiet --locked --root .local/cargo/cargo-fuzz cargo-fuzz@$(CARGO_FUZZ)
	cd shared/redaction && PATH="$(CURDIR)/.local/cargo/cargo-fuzz/bin:$$PATH" env --unset=CARGO_TARGET_DIR cargo +nightly fuzz run properties \
		-- -max_total_time=$$(($(MINUTES) * 60)) -max_len=512 -fork=2

build: cargo arm64 $(CARGO_LAMBDA)/ready ## build the functions' zips for AWS (arm64), under target/lambda/
	$(WITH_CARGO_LAMBDA) cargo lambda build --release --arm64 --output-format zip $(FUNCTIONS)

# `settings` comes first: it asks for missing settings and reports what would stop the deploy, before the build takes minutes.
deploy: settings $(SAM)/ready build ## deploy to AWS: make deploy ENVIRONMENT=sandbox (or live); asks for settings, checks, deploys, tests
	@$(PYTHON) infra/deploy.py $(ENVIRONMENT)

deployment-id: $(VENV)/ready ## update the deployment id; run this after you change the gateway in infra/template.yaml, or the change is not deployed
	$(PYTHON) infra/deployment_id.py --write

bank-holidays: $(VENV)/ready ## download the latest bank holidays of England and Wales
	curl --fail --silent --show-error $(BANK_HOLIDAYS) | $(PYTHON) infra/bank_holidays.py

bench: valgrind node zips $(BENCH)/python.zip $(BENCH)/node-bundled.zip rust-peer ## measure the same endpoint in Rust with all defaults, in Python and in Node; writes README's table
	$(DRIVER) compare

bench-load: binaries ## measure throughput by number of Lambda environments, and the cost of a flood; writes bench/README.md's tables
	$(DRIVER) load

bench-check: valgrind binaries build ## compare instructions, sizes, connections and calls with bench/ceilings.toml
	$(DRIVER) check

# ---- What the targets above need -------------------------------------------------------------------------------------

# Release builds for this machine, so that the local stack runs the same code as AWS.
binaries: cargo
	cargo build --locked --release $(FUNCTIONS)

# Zips like those for AWS. The peers are copied to .local/bench, and their dependencies are installed there.
zips: binaries
	cargo build --locked --release $(addprefix --package ,$(filter lambda%,$(FLOORS)))
	cargo build --locked --release $(addprefix --package ,$(filter poller%,$(FLOORS)))
	@mkdir -p $(BENCH)
	@for name in create-enquiry $(FLOORS); do python3 -m zipfile -c $(BENCH)/$$name.zip target/release/$$name; done

$(BENCH)/python.zip: $(wildcard bench/peers/python/*.*) | $(VENV)/ready
	@echo "Installing the Python peer into $(BENCH)/python"
	@rm -rf $(BENCH)/python && mkdir -p $(BENCH)/python && cp bench/peers/python/*.* $(BENCH)/python
	@python3 -m venv --clear $(BENCH)/pip
	@$(BENCH)/pip/bin/pip install --quiet --disable-pip-version-check --target $(BENCH)/python -r bench/peers/python/requirements.txt
	@cd $(BENCH)/python && python3 -m compileall -q . && python3 -m zipfile -c ../python.zip *

$(BENCH)/node-bundled.zip: $(wildcard bench/peers/node/*.*)
	@echo "Installing the Node peers into $(BENCH)/node"
	@rm -rf $(BENCH)/node && mkdir -p $(BENCH)/node && cp bench/peers/node/*.* $(BENCH)/node
	@cd $(BENCH)/node && npm ci --silent && npm run --silent bundle && npm prune --silent --omit=dev
	@cd $(BENCH)/node && python3 -m zipfile -c ../node.zip *.mjs package.json node_modules
	@cd $(BENCH)/node && python3 -m zipfile -c ../node-bundled.zip dist/runtime.cjs

# With cargo's defaults too, so it has a workspace, a lock file and a folder of its own.
rust-peer: cargo
	cargo build --locked --release $(RUST_PEER) --target-dir target/peers
	@mkdir -p $(BENCH)
	@python3 -m zipfile -c $(BENCH)/rust-defaults.zip target/peers/release/rust-defaults

valgrind:
	@command -v valgrind >/dev/null || { \
		echo "valgrind is missing. Install it (Debian, Ubuntu: apt-get install valgrind)"; exit 1; }

node:
	@command -v npm >/dev/null && node -e 'process.exit(process.versions.node.split(".")[0] < 20 ? 1 : 0)' || { \
		echo "Node 20 or newer, with npm, is missing. Install it: https://nodejs.org"; exit 1; }

settings: $(VENV)/ready
	@$(PYTHON) infra/deploy.py --settings $(ENVIRONMENT)

cargo:
	@command -v cargo >/dev/null || { \
		echo "cargo is missing. Install Rust with rustup: https://rustup.rs"; exit 1; }

arm64:
	@test -d "$$(rustc --print sysroot)/lib/rustlib/aarch64-unknown-linux-gnu" || { \
		echo "Rust cannot build for arm64 yet. Install the target: rustup target add aarch64-unknown-linux-gnu"; exit 1; }

$(VENV)/ready: infra/local/requirements.txt
$(CARGO_LAMBDA)/ready: infra/requirements-cargo-lambda.txt
$(CHECK)/ready: infra/requirements-check.txt
$(CHECKOV)/ready: infra/requirements-checkov.txt
$(SAM)/ready: infra/requirements-sam.txt

$(ENVIRONMENTS):
	@command -v python3 >/dev/null || { \
		echo "python3 is missing. Install Python 3.11 or newer (Debian, Ubuntu: apt-get install python3 python3-venv)"; exit 1; }
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$$(python3 --version) is too old. Install Python 3.11 or newer and put it first in PATH as python3"; exit 1; }
	@python3 -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "Python's venv module is missing. Install it (Debian, Ubuntu: apt-get install python3-venv)"; exit 1; }
	@echo "Installing $< into $(@D), once"
	@python3 -m venv --clear $(@D)
	@$(@D)/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

# Each file is named after the package and its version, so a new version is installed as a new file.
.local/cargo/cargo-%:
	@echo "Installing cargo-$* into .local/cargo, once; this takes some minutes"
	env -u CARGO_TARGET_DIR cargo install --quiet --locked --root .local/cargo cargo-$*
	@touch "$@"
