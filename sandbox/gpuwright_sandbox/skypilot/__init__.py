"""An emulator of SkyPilot's API server: the same verbs, requests that are answered later, and what can go wrong.

Its shapes are those of a real server 0.14.1, which `make test-skypilot` asks the same questions.
"""
