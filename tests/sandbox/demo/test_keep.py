"""What can be tried when all is left running."""

from pathlib import Path

from gpuwright_sandbox.demo.keep import Premises, instructions


def test_every_command_can_be_pasted(tmp_path: Path) -> None:
    spaced = tmp_path / "a folder"
    words = instructions(
        Premises(Path("/bin/kubectl"), spaced / "config", "http://127.0.0.1:4711", spaced / "pid", spaced / "log")
    )
    assert f"export KUBECONFIG='{spaced}/config'" in words
    assert "alias kubectl=/bin/kubectl" in words
    assert f"kill -9 $(cat '{spaced}/pid')" in words
    assert "curl -s http://127.0.0.1:4711/_sandbox/faults -d '{" in words
    assert "examples/instance-minimal.yaml" in words


def test_the_manifests_that_are_named_exist(tmp_path: Path) -> None:
    words = instructions(Premises(tmp_path, tmp_path, "http://127.0.0.1:1", tmp_path, tmp_path))
    files = [word for word in words.split() if word.endswith(".yaml")]
    assert len(files) == 2
    assert all(Path(file).is_file() for file in files)
