"""Everything about one ComputeInstance: observe, decide, act, report."""
