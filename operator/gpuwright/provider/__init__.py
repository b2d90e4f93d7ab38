"""One ComputeProvider or ClusterComputeProvider: is it there, what does it hold, how much may be asked of it?"""
