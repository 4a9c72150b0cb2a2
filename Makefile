# Everything a person or CI runs. Needs Rust, Go, git and make; see CONTRIBUTING.md.

CARGO ?= cargo

.PHONY: build install test testenv demo bench completions clean-testenv

build:
	$(CARGO) build --release --locked

install:
	$(CARGO) install --locked --path .

# The real components are provided first; without them tests fail, they are not skipped.
test: testenv
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets --locked -- -D warnings
	$(CARGO) test --locked

testenv:
	@tests/testenv/setup >/dev/null

demo:
	$(CARGO) run --release --locked -- demo

bench:
	$(CARGO) bench --locked

# Writes the shell completions that are committed; a test fails when they are stale.
completions:
	for shell in bash zsh fish powershell; do \
		$(CARGO) run --quiet --locked -- completion $$shell > completions/kubectl-gitops.$$shell || exit 1; \
	done

clean-testenv:
	rm -rf "$${KUBECTL_GITOPS_TESTENV:-$${XDG_CACHE_HOME:-$$HOME/.cache}/kubectl-gitops/testenv}"
