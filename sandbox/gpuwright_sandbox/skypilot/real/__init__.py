"""The real SkyPilot API server from its package, and a real Slurm from Debian's for it to drive, with GPUs that are not
there. For Debian 12, as root: `make test-skypilot`.
"""
