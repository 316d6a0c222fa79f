"""End-to-end tests: whole systems on a cluster with a real node. `make e2e` runs them."""
