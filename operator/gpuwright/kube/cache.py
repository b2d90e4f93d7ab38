"""The objects that the watch has shown, at their newest version. Reads from here are hints; every write is guarded."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gpuwright.model.resources import Key, key_of, version_of

REMEMBERED_REMOVALS = 10_000


class ObjectCache:
    """Bodies by key. A body older than the cached one is dropped: a slow watch must not undo the answer to our own
    write.
    """

    def __init__(self) -> None:
        self._bodies: dict[Key, dict[str, Any]] = {}
        self._removed: dict[str, None] = {}  # uids: a late event must not bring an object back to life
        self._listeners: list[Callable[[Key], None]] = []
        self._mourners: list[Callable[[str, Mapping[str, Any]], None]] = []

    def listen_to_replacements(self, listener: Callable[[str, Mapping[str, Any]], None]) -> None:
        """Have a listener told, kind and last body, of each object whose end was missed: another one has its name."""
        self._mourners.append(listener)

    def listen(self, listener: Callable[[Key], None]) -> None:
        """Have a listener told of each key that changes, while it changes."""
        self._listeners.append(listener)

    def get(self, key: Key) -> dict[str, Any] | None:
        """Return the newest body, or None."""
        return self._bodies.get(key)

    def put(self, kind: str, body: Mapping[str, Any]) -> bool:
        """Keep the body if it is news; return whether it is."""
        key = key_of(kind, body)
        known = self._bodies.get(key)
        if _uid(body) in self._removed:
            return False
        if known is not None and version_of(body) <= version_of(known) and _uid(body) == _uid(known):
            return False
        if known is not None and _uid(body) != _uid(known) and version_of(body) < version_of(known):
            return False
        metadata = {name: value for name, value in body["metadata"].items() if name != "managedFields"}
        self._bodies[key] = {**body, "kind": kind, "metadata": metadata}
        if known is not None and _uid(body) != _uid(known):
            self._bury(known)
            for mourner in self._mourners:
                mourner(kind, known)
        self._tell(key)
        return True

    def remove(self, kind: str, body: Mapping[str, Any]) -> dict[str, Any] | None:
        """Forget the object unless a newer one of its name is known; return what was known of it."""
        key = key_of(kind, body)
        known = self._bodies.get(key)
        if known is None or _uid(known) != _uid(body):
            return None
        removed = self._bodies.pop(key)
        self._bury(removed)
        self._tell(key)
        return removed

    def _bury(self, body: Mapping[str, Any]) -> None:
        self._removed[_uid(body)] = None
        if len(self._removed) > REMEMBERED_REMOVALS:
            del self._removed[next(iter(self._removed))]

    def _tell(self, key: Key) -> None:
        for listener in self._listeners:
            listener(key)

    def of_kind(self, kind: str) -> Iterator[tuple[Key, dict[str, Any]]]:
        """Yield the keys and bodies of one kind."""
        for key, body in list(self._bodies.items()):
            if key.kind == kind:
                yield key, body


def _uid(body: Mapping[str, Any]) -> str:
    return str(body["metadata"]["uid"])
