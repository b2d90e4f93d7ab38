"""What is written before any process runs."""

from pathlib import Path

import pytest

from gpuwright_sandbox.controlplane.layout import COMPONENTS, Component, Layout
from gpuwright_sandbox.controlplane.selection import Binaries, Tool
from gpuwright_sandbox.controlplane.setup import Setup, prepare
from gpuwright_sandbox.controlplane.versions import PROGRAMS, Version

BINARIES = Binaries.of({program: Tool(Path("/bin") / program, Version(1, 37), "test") for program in PROGRAMS})


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    layout = Layout(tmp_path)
    layout.create()
    return prepare(layout, BINARIES, audit=True)


@pytest.mark.parametrize("component", COMPONENTS)
def test_every_file_that_a_command_line_names_is_there(setup: Setup, component: Component) -> None:
    program, *arguments = setup.command(component)
    assert program == f"/bin/{component}"
    values = [Path(argument.partition("=")[2]) for argument in arguments if "-log-" not in argument]
    below = [path for path in values if path.is_relative_to(setup.layout.directory)]
    assert below
    assert [path for path in below if not path.exists()] == []


@pytest.mark.parametrize("component", COMPONENTS)
def test_the_health_of_a_component_is_asked_where_it_listens(setup: Setup, component: Component) -> None:
    port = setup.health(component).port
    assert any(argument.endswith((f":{port}", f"={port}")) for argument in setup.command(component))


def test_the_next_start_trusts_the_same_clients_and_tokens(setup: Setup) -> None:
    tokens = (setup.layout.pki / "tokens.pub").read_bytes()
    again = prepare(setup.layout, BINARIES, audit=True)
    assert again.ca_pem == setup.ca_pem
    assert (setup.layout.pki / "tokens.pub").read_bytes() == tokens


def test_the_url_has_no_slash_at_the_end(setup: Setup) -> None:
    assert setup.url == f"https://127.0.0.1:{setup.ports.apiserver}"
