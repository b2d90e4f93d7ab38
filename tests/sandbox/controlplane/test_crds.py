"""Reading definitions; that they are served is tested with the control plane."""

from pathlib import Path

from gpuwright_sandbox.controlplane.crds import ServedKind, manifests, read_kinds

DEFINITION = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.org}
spec:
  group: example.org
  names: {plural: widgets, kind: Widget}
  versions:
  - {name: v1alpha1, served: false, storage: false}
  - {name: v1, served: true, storage: true}
"""


def test_every_served_version_is_read(tmp_path: Path) -> None:
    (tmp_path / "b.yml").write_text(f"---\n{DEFINITION}---\nkind: ConfigMap\n---\n")
    assert read_kinds(tmp_path) == (ServedKind("widgets.example.org", "example.org", "v1", "widgets"),)


def test_only_yaml_files_are_manifests_and_they_come_by_name(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yml", "README.md"):
        (tmp_path / name).touch()
    assert [path.name for path in manifests(tmp_path)] == ["a.yml", "b.yaml"]


def test_a_folder_that_is_not_there_has_no_kinds(tmp_path: Path) -> None:
    assert read_kinds(tmp_path / "missing") == ()
