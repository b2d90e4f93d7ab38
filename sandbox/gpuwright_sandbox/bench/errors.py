"""What can go wrong in a benchmark."""


class BenchError(Exception):
    """The run is worth nothing, or the operator broke its promise: read the message, nothing was recorded."""
