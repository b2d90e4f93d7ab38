"""README's table of providers: whatever is registered is in it, with what its adapter declares."""

from dataclasses import replace
from pathlib import Path

import pytest
from hack.providers import Missing, capabilities, main, renewed, table

from gpuwright.adapters.registry import KINDS
from gpuwright.model.capabilities import CreateKey
from gpuwright.model.provider_spec import ProviderType
from hack import providers

GATEWAY = {ProviderType.GATEWAY: KINDS[ProviderType.GATEWAY]}
MARKED = "before\n<!-- generated:providers -->\nold\n<!-- /generated -->\nafter\n"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a folder with a page and one manifest of a gateway."""
    for name in ("examples/provider.yaml", "docs/providers/gateway.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text((providers.ROOT / name).read_text())
    return tmp_path


def test_readme_has_the_table_that_the_adapters_declare(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().out


def test_each_registered_type_has_a_row_with_its_page() -> None:
    made = table()
    assert all(f"| [{kind}](docs/providers/{kind.lower()}.md) |" in made for kind in KINDS)


def test_a_gateway_without_reads_has_a_row_that_says_how_far_the_promise_goes() -> None:
    (row,) = [line for line in table(kinds=GATEWAY).splitlines() if "without reads" in line]
    assert "cannot be read" in row
    assert "no lists and looks" in row


def test_what_it_can_is_what_the_adapter_declares(copy: Path) -> None:
    (found,) = capabilities(copy, ProviderType.GATEWAY, GATEWAY[ProviderType.GATEWAY])
    assert (found.create_key, found.reads, found.power) == (CreateKey.UNIQUE_NAME, True, True)
    manifest = copy / "examples/provider.yaml"
    manifest.write_text(manifest.read_text().replace("key: token}}", "key: token}, dialect: CreateOnly}"))
    (found,) = capabilities(copy, ProviderType.GATEWAY, GATEWAY[ProviderType.GATEWAY])
    assert (found.reads, found.power) == (False, False)


class TestWhatIsMissing:
    def test_is_words_of_its_own(self, copy: Path) -> None:
        silent = {ProviderType.GATEWAY: replace(GATEWAY[ProviderType.GATEWAY], about=None)}
        with pytest.raises(Missing, match=r"KINDS\[Gateway\] .* says nothing of itself"):
            table(copy, silent)

    def test_is_a_page(self, copy: Path) -> None:
        (copy / "docs/providers/gateway.md").unlink()
        with pytest.raises(Missing, match=r"Gateway has no page docs/providers/gateway\.md"):
            table(copy, GATEWAY)

    def test_is_a_manifest_with_its_secret(self, copy: Path) -> None:
        manifest = copy / "examples/provider.yaml"
        manifest.write_text(manifest.read_text().partition("---\n")[2])
        with pytest.raises(Missing, match="no manifest in examples/ has type Gateway"):
            table(copy, GATEWAY)

    def test_is_an_adapter(self, copy: Path) -> None:
        manifest = copy / "examples/provider.yaml"
        bundle = r'caBundle: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"'
        manifest.write_text(manifest.read_text().replace("key: token}}", f"key: token}}, {bundle}}}"))
        with pytest.raises(
            Missing, match=r"no adapter can be made from provider\.yaml: .*caBundle holds no certificate"
        ):
            table(copy, GATEWAY)

    def test_is_a_place_for_it(self) -> None:
        with pytest.raises(Missing, match=r"README\.md has no place for the table"):
            renewed("no marks", "table")


def test_what_stands_around_the_table_is_left_alone() -> None:
    assert renewed(MARKED, "new\n") == MARKED.replace("old\n", "\nnew\n\n")


def test_a_table_that_is_out_of_date_is_shown_and_mended(
    copy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (copy / "README.md").write_text(MARKED)
    monkeypatch.setattr(providers, "ROOT", copy)
    monkeypatch.setattr(providers, "table", lambda: "| new |\n")
    assert main(["--check"]) == 1
    assert "run `make reference`" in capsys.readouterr().out
    assert main([]) == 0
    assert main(["--check"]) == 0
    assert (copy / "README.md").read_text() == MARKED.replace("old\n", "\n| new |\n\n")
