"""A few points of L3, and operators that were broken on purpose: each must be caught."""

import os
import socket
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.campaign.book import Book
from tests.campaign.l3_effects import Counting, api_label, gateway_label
from tests.campaign.l3_kills import KillAt, Position, is_chance, steady, worth_killing
from tests.campaign.l3_operator import copied, inode_of
from tests.campaign.l3_plays import PLAYS
from tests.campaign.l3_points import Point, result_of
from tests.campaign.l3_run import Report, played
from tests.campaign.l3_slot import Ground, Slots
from tests.e2e.cluster import Cluster

from gpuwright_sandbox.controlplane.plane import ControlPlane

SEED = 1


NO_PROOF = """
_UNPROVEN = {"terminate_what_exists", "wait_for_settlement", "prove_absence"}
DELETED = tuple(rule for rule in DELETED if rule.__name__ not in _UNPROVEN)
"""
SENDS_WHAT_IT_FINDS = """
def send_what_was_announced(seen):
    launch = seen.launch
    if launch is None or launch.outcome is not Outcome.INTENDED:
        return None
    request = current_request(seen, launch)
    return Send(launch.provider, request) if request else None
"""
EVER_OPEN = "SendWindow.gate = lambda self, seen, *, destructive=False: lambda: True"


@dataclass(frozen=True, slots=True)
class Case:
    """A point to play, and what is taken from the operator that plays it: code by file."""

    play: str
    effect: str
    position: Position
    more: Mapping[str, str]


CASES = {
    "lost-answer": Case("create", "create#1", Position.LOST, {}),
    "terminate-dropped": Case("delete", "delete#1", Position.BEFORE, {}),
    "lets-go-without-proof": Case("delete", "delete#1", Position.BEFORE, {"instance/rules/decide.py": NO_PROOF}),
    "sends-what-it-finds": Case(
        "create",
        "create#1",
        Position.LOST,
        {"instance/rules/launch.py": SENDS_WHAT_IT_FINDS, "instance/window.py": EVER_OPEN},
    ),
}


@pytest.fixture(scope="module")
def reports(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Report]]:
    """What came of each case; those of the same operator one after the other, the others side by side."""
    groups: dict[str, list[str]] = {}
    for name, case in CASES.items():
        groups.setdefault(name if case.more else "operator", []).append(name)
    logs = tmp_path_factory.mktemp("l3")
    with Cluster(control_plane.admin_kubeconfig()) as cluster, ThreadPoolExecutor(len(groups)) as pool:
        grounds = {name: Ground(control_plane, cluster, _copy(name, group), logs) for name, group in groups.items()}
        futures = [pool.submit(_play, grounds[name], group) for name, group in groups.items()]
        yield {name: report for future in futures for name, report in future.result().items()}


def _copy(name: str, group: list[str]) -> Path:
    return copied(f"l3-test-{name}", CASES[group[0]].more)


def _play(ground: Ground, names: list[str]) -> dict[str, Report]:
    found = {}
    with Slots(ground) as slots, slots.lent() as slot:
        # So slow that whoever does not wait for the end of a machine is seen.
        slot.gateway.change_settings(delete_seconds=3.0)
        for name in names:
            case = CASES[name]
            play = next(play for play in PLAYS if play.name == case.play)
            found[name] = played(slot, play, KillAt(slot.operator, case.effect, case.position, SEED))
    return found


@pytest.mark.cluster
@pytest.mark.parametrize("name", ["lost-answer", "terminate-dropped"])
def test_a_killed_operator_leaves_one_machine_and_then_none(reports: Mapping[str, Report], name: str) -> None:
    assert reports[name].struck
    assert reports[name].broken == []


@pytest.mark.cluster
def test_an_object_that_is_let_go_without_proof_is_caught(reports: Mapping[str, Report]) -> None:
    assert "I2" in {broken.invariant for broken in reports["lets-go-without-proof"].broken}


@pytest.mark.cluster
def test_a_create_that_another_process_had_announced_is_caught(reports: Mapping[str, Report]) -> None:
    assert "I5" in {broken.invariant for broken in reports["sends-what-it-finds"].broken}


def test_an_effect_is_named_after_what_it_does() -> None:
    base = "/apis/gpuwright.dev/v1alpha1/namespaces/a/computeinstances/one"
    assert api_label("PATCH", base, {"metadata": {"finalizers": ["x"]}}) == "instance finalizer on"
    assert api_label("PATCH", f"{base}/status", {"status": {"launch": {"outcome": "Intended"}}}) == (
        "instance record Intended"
    )
    assert api_label("GET", base, {}) == ""
    assert gateway_label("POST", "/api/instances") == "create"
    assert gateway_label("POST", "/api/instances/one/stop") == "stop"
    assert gateway_label("GET", "/api/instances/one") == "look"


def test_reads_are_counted_from_the_effect_before_them() -> None:
    counting = Counting()
    effects = [counting.next(label) for label in ("list", "create", "list", "list", "create")]
    assert effects == ["list after start#1", "create#1", "list after create#1#1", "list after create#1#2", "create#2"]
    assert worth_killing(effects) == ["list after start#1", "create#1", "list after create#1#1", "create#2"]


def test_no_write_of_either_clean_run_is_left_out() -> None:
    assert steady(["list after start#1", "create#1"], ["create#1", "delete#1"]) == ["create#1", "delete#1"]


def test_a_point_that_was_not_reached_counts_as_not_tested(tmp_path: Path) -> None:
    book = Book(tmp_path / "book.jsonl", "a", SEED)
    slots = Slots(Ground(None, None, tmp_path, tmp_path))  # type: ignore[arg-type]  # nothing is opened
    entry = result_of(Point("kill/x", lambda _slots: Report()), slots, book)
    assert entry["verdict"] == "missed"
    assert result_of(Point("kill/x", lambda _slots: Report(struck=True)), slots, book)["verdict"] == "held"


def test_what_was_tested_is_known_in_the_next_run_of_the_same_version_and_seed(tmp_path: Path) -> None:
    path = tmp_path / "book.jsonl"
    Book(path, "a", SEED).enter("kill/x", verdict="held")
    assert Book(path, "a", SEED).get("kill/x") is not None
    assert Book(path, "b", SEED).get("kill/x") is None
    assert Book(path, "a", SEED + 1).get("kill/x") is None


def test_a_read_that_does_not_come_again_is_told_apart_from_a_point_that_was_not_reached(tmp_path: Path) -> None:
    book = Book(tmp_path / "book.jsonl", "a", SEED)
    slots = Slots(Ground(None, None, tmp_path, tmp_path))  # type: ignore[arg-type]  # nothing is opened
    assert result_of(Point("kill/x", lambda _slots: Report(), by_chance=True), slots, book)["verdict"] == "absent"
    assert result_of(Point("kill/y", _fails, by_chance=True), slots, book)["verdict"] == "missed"


def _fails(slots: Slots) -> Report:
    raise OSError("no gateway")


def test_a_caller_is_told_by_both_ends_of_its_connection() -> None:
    with ExitStack() as opened:
        door, another = (opened.enter_context(socket.create_server(("127.0.0.1", 0))) for _end in range(2))
        stranger = opened.enter_context(_called(another.getsockname()[1], 0))
        port = stranger.getsockname()[1]
        caller = opened.enter_context(_called(door.getsockname()[1], port))
        assert inode_of(port, door.getsockname()[1]) == str(os.fstat(caller.fileno()).st_ino)
        assert inode_of(port, another.getsockname()[1]) == str(os.fstat(stranger.fileno()).st_ino)


def _called(server: int, port: int) -> socket.socket:
    """Return a connection to a server, from a port that others may have, too."""
    caller = socket.socket()
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    caller.bind(("127.0.0.1", port))
    caller.connect(("127.0.0.1", server))
    return caller


def test_reads_reports_and_events_may_come_or_not() -> None:
    effects = [
        "list after create#1",
        "instance says Starting#1",
        "event Released#1",
        "instance record Intended#1",
        "create#1",
    ]
    assert [effect for effect in effects if not is_chance(effect)] == effects[3:]
