"""One file per kind of provider; registry.py has a line for each. No other file may name a provider."""
