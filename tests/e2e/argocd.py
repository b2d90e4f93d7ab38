"""What Argo CD says of an object by the health check that we ship, run as Argo CD runs it: no libraries."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from lupa.lua54 import LuaRuntime

HEALTHY = "Healthy"
SUSPENDED = "Suspended"
PROGRESSING = "Progressing"
DEGRADED = "Degraded"
CHECK = Path(__file__).resolve().parents[2] / "deploy" / "argocd" / "health.lua"
# Argo CD opens none of these for a health check unless its administrator says so (useOpenLibs).
LIBRARIES = ("string", "table", "math", "os", "io", "debug", "coroutine", "utf8", "package", "python")


def health(body: Mapping[str, Any]) -> tuple[str, str]:
    """Return status and message of a ComputeInstance or a provider, as the API server gives it."""
    lua = _runtime()
    lua.globals()["obj"] = lua.table_from(body, recursive=True)
    answer = lua.execute(CHECK.read_text(encoding="utf-8"))
    return str(answer["status"]), str(answer["message"])


@cache
def _runtime() -> LuaRuntime:
    lua = LuaRuntime()
    for name in LIBRARIES:
        lua.globals()[name] = None
    return lua
