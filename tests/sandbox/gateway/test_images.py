"""Snapshots and templates are kept per account."""

from pathlib import Path

from gpuwright_sandbox.gateway.images import Images, MachineConfig, Template
from gpuwright_sandbox.gateway.store import Journal


def test_a_snapshot_is_found_by_its_own_account_only() -> None:
    images = Images()
    snapshot = images.take("one", "i-1", "image")
    assert images.find("one", snapshot.id) == snapshot
    assert images.find("two", snapshot.id) is None
    assert images.find("one", "snap-9") is None


def test_they_survive_in_the_journal(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    list(journal.open())
    images = Images(journal)
    images.take("one", "i-1", "image")
    images.build(Template("one", "image", (MachineConfig(1, 2),)))
    journal.close()
    again = Images()
    for kind, record in journal.open():
        again.restore(kind, record)
    journal.close()
    assert again.snapshots() == images.snapshots()
    assert again.templates() == images.templates()


def test_a_reset_forgets_both() -> None:
    images = Images()
    images.take("one", "i-1", "image")
    images.build(Template("one", "image", ()))
    images.reset()
    assert (images.snapshots(), images.templates()) == ((), ())
