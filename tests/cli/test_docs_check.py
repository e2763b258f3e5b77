"""The documentation check must find what it looks for."""

from pathlib import Path

import pytest

from scripts import check_docs


def page(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text, encoding="utf-8")


def test_broken_links_are_found_and_others_left_alone(tmp_path):
    page(tmp_path, "docs/a.md", "# A page: its title\n\n## Second `part`\n")
    page(
        tmp_path,
        "README.md",
        "[a](docs/a.md) [b](docs/a.md#a-page-its-title) [c](docs/a.md#second-part) [d](https://example.org/x)\n"
        "[e](docs/missing.md) ![f](missing.png) [g](docs/a.md#third) [h](#nowhere)\n"
        "```text\n[i](also-missing.md)\n```\n",
    )
    assert list(check_docs.broken_links(tmp_path)) == [
        "README.md: link to docs/missing.md: no such file",
        "README.md: link to missing.png: no such file",
        "README.md: link to docs/a.md#third: no such heading",
        "README.md: link to #nowhere: no such heading",
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("illinstr doctor --quiet --json", None),
        ("$ HF_HUB_OFFLINE=1 .venv/bin/illinstr doctor --model x | tail -1", None),
        ("illinstr doctor \\\n  --model x  # a comment", None),
        ("illinstr --version && illinstr --help", None),
        ("illinstr doctor --modle x", "--modle"),
        ("true && illinstr doctor --model", "--model"),
        ("illinstr cure", "there is no command 'cure'"),
        ("illinstr doctor extra words", "unexpected"),
        ("illinstr doctor --quiet; illinstr doctor --loud", "--loud"),
    ],
)
@pytest.mark.parametrize("language", ["bash", ""])
def test_examples_are_held_against_the_real_options(tmp_path, line, problem, language):
    page(tmp_path, "README.md", f"Text\n\n```{language}\n{line}\n```\n")
    found = list(check_docs.wrong_examples(tmp_path))
    assert len(found) == (problem is not None)
    assert all(problem in one for one in found)


def test_blocks_in_other_languages_are_no_examples(tmp_path):
    page(tmp_path, "README.md", "```python\nillinstr cure\n```\n")
    assert list(check_docs.wrong_examples(tmp_path)) == []


def test_stale_help_is_found_and_mended(tmp_path):
    name = "docs/cli.md"
    page(tmp_path, name, "# Commands\n\n<!-- help: doctor -->\nold\n<!-- end -->\n\nKept.\n")
    before = list(check_docs.stale_help(tmp_path))
    assert len(before) == len(check_docs.COMMANDS)
    mended = check_docs.with_help((tmp_path / name).read_text())
    page(tmp_path, name, mended)
    assert list(check_docs.stale_help(tmp_path)) == []
    assert "Kept." in mended
    assert "old" not in mended.splitlines()
    assert "Usage: illinstr doctor [OPTIONS]" in mended
    page(tmp_path, name, mended.replace("Usage: illinstr doctor", "Usage: illinstr healer"))
    assert list(check_docs.stale_help(tmp_path)) == [
        "docs/cli.md: the help of doctor is not the real one; run make docs"
    ]
