"""A real control plane (etcd, kube-apiserver, kube-controller-manager) as child processes on loopback.

Import from the modules: `plane.ControlPlane` is what most callers want. Nothing is imported here, so that the small
`reaper` process does not load an API client.
"""
