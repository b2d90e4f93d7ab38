"""The demo: a real control plane, a real operator, a gateway that misbehaves, and what came of it.

`plan`, `facts`, `checks`, `rows`, `story` and `manifests` are pure, and so is what `frame` and `picture` draw; `screen`
shows it; `stage`, `operator_process` and `eyes` start and ask processes, and `play` goes through the acts.
"""
