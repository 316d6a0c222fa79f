"""Servers of the tests that run inside the cluster, each a pod with a Service of its own."""
