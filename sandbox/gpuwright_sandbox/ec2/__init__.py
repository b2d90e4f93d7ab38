"""A double of Amazon EC2: moto's server as a child process keeps the instances, and a shim in front of it adds what
moto lacks: tokens, lists that lag, capacity, throttling, lost answers.
"""
