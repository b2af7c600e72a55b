"""Envoy's configuration: behind `make up`, in containers, and in a cluster, from the same table."""
