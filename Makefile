# Everything a person or CI runs. What it needs: see CONTRIBUTING.md.

CARGO ?= cargo

.PHONY: build install test deny testenv soak fuzz demo bench completions clean-testenv

build:
	$(CARGO) build --release --locked

install:
	$(CARGO) install --locked --path .

# Formatting, clippy, unit, integration and documentation tests.
# The real components are provided first; without them tests fail, they are not skipped.
test: testenv
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets --locked -- -D warnings
	$(CARGO) test --locked
	@$(MAKE) --no-print-directory deny

# What may be linked into the binary, and from where. Known advisories are asked about
# where their database is on this machine already; it is not fetched.
ADVISORIES ?= $(or $(CARGO_HOME),$(HOME)/.cargo)/advisory-dbs
deny:
	@if ! command -v cargo-deny >/dev/null; then \
		echo "deny: cargo-deny is not installed, so licences, bans and sources were not checked (cargo install --locked cargo-deny)"; \
	elif [ -n "$$(ls '$(ADVISORIES)' 2>/dev/null)" ]; then \
		$(CARGO) deny --locked check --disable-fetch; \
	else \
		echo "deny: no database of advisories in $(ADVISORIES), so they were not checked (cargo deny fetch)"; \
		$(CARGO) deny --locked check licenses bans sources; \
	fi

testenv:
	@tests/testenv/setup >/dev/null

# Kills a writer, and lives through histories, many more times than `make test` does.
soak: testenv
	KUBECTL_GITOPS_MODEL_HISTORIES=2000000 $(CARGO) test --release --locked --lib promotion::histories:: -- --nocapture
	KUBECTL_GITOPS_KILLS=500 KUBECTL_GITOPS_HISTORIES=300 $(CARGO) test --locked --test integration -- races:: histories:: --nocapture

# Feeds each fuzz target for FUZZ_SECONDS. The first run builds everything once more, with
# counters; `fuzz/run NAME` runs one target. What it finds is kept in fuzz/artifacts.
FUZZ_SECONDS ?= 60
fuzz:
	@CARGO="$(CARGO)" FUZZ_SECONDS=$(FUZZ_SECONDS) fuzz/run

demo:
	$(CARGO) run --release --locked -- demo

bench:
	$(CARGO) bench --locked

# Writes the shell completions that are committed; a test fails when they are stale.
completions: build
	target/release/kubectl-gitops completion bash > completions/kubectl-gitops.bash
	target/release/kubectl-gitops completion zsh > completions/_kubectl-gitops
	target/release/kubectl-gitops completion fish > completions/kubectl-gitops.fish
	target/release/kubectl-gitops completion powershell > completions/kubectl-gitops.ps1

# Removes what `make testenv` built.
clean-testenv:
	rm -rf "$${KUBECTL_GITOPS_TESTENV:-$${XDG_CACHE_HOME:-$$HOME/.cache}/kubectl-gitops/testenv}"
