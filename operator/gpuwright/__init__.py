"""gpuwright."""
