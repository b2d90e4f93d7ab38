"""What the operator is started with."""

from pathlib import Path

import pytest

from gpuwright_sandbox.bench import venv


def test_the_code_that_runs_is_a_compiled_copy_of_the_checkout(tmp_path: Path) -> None:
    copy = venv.copy_code(tmp_path)
    original = venv.REPOSITORY / "operator" / "gpuwright" / "__main__.py"
    assert (copy / "gpuwright" / "__main__.py").read_bytes() == original.read_bytes()
    assert list((copy / "gpuwright" / "__pycache__").glob("__main__.*.pyc"))


def test_the_operator_sees_nothing_of_our_environment_but_what_any_process_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GPUWRIGHT_LOG_LEVEL", "debug")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example")
    started_with = venv.environment(tmp_path / "kubeconfig", tmp_path / "code")
    assert set(started_with) <= {"PATH", "HOME", "LANG", "KUBECONFIG", "PYTHONPATH"}
    assert started_with["PYTHONPATH"] == str(tmp_path / "code")
