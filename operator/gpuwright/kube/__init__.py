"""The Kubernetes API: guarded writes, live reads, Events."""
