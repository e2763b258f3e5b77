"""What a release promises to say once and the same everywhere."""

import re
import tomllib
from pathlib import Path

import yaml

import illinstr

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_version_is_the_same_everywhere():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert PROJECT["version"] == illinstr.__version__ == cited["version"]


def test_ci_runs_our_one_script_on_every_python_that_is_promised():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    job = workflow["jobs"]["ci"]
    promised = [re.fullmatch(r".*:: (3\.\d+)", line) for line in PROJECT["classifiers"]]
    assert job["strategy"]["matrix"]["python"] == [match[1] for match in promised if match]
    assert any(step.get("run") == "bash .ci/run" for step in job["steps"])


def test_every_page_of_the_site_is_in_its_menu():
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    named = [page for entry in site["nav"] for page in _pages(entry)]
    pages = sorted(path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md"))
    assert sorted(named) == pages


def _pages(entry):
    value = next(iter(entry.values())) if isinstance(entry, dict) else entry
    return [value] if isinstance(value, str) else [page for each in value for page in _pages(each)]
