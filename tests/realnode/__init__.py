"""A real Kubernetes node for the tests: containerd and kubelet in private namespaces, gone without a trace."""
