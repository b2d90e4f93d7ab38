"""The errors form one tree."""

import pytest

from gpuwright_sandbox.controlplane import errors


@pytest.mark.parametrize(
    "kind", [errors.BinariesMissingError, errors.DirectoryInUseError, errors.NotReadyError, errors.PortTakenError]
)
def test_one_except_clause_catches_every_error_of_the_control_plane(kind: type[Exception]) -> None:
    assert issubclass(kind, errors.ControlPlaneError)
