"""What a run was made on."""

from pathlib import Path

from gpuwright_sandbox.bench import facts


def test_the_processor_is_named_as_linux_names_it(tmp_path: Path) -> None:
    described = tmp_path / "cpuinfo"
    described.write_text(
        "processor\t: 0\nmodel name\t: Fast CPU @ 3 GHz\nprocessor\t: 1\nmodel name\t: Fast CPU @ 3 GHz\n"
    )
    assert facts.processor(described) == "Fast CPU @ 3 GHz"


def test_elsewhere_the_processor_is_what_python_knows(tmp_path: Path) -> None:
    assert facts.processor(tmp_path / "none")
