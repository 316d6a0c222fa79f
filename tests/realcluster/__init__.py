"""A real Kubernetes control plane for the tests: no node, no container, gone with the process that started it."""
