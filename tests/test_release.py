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


def test_every_promise_of_security_names_a_test_that_is_there():
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(tests/[^`]+)`", text))
    assert len(named) >= 10
    assert not [name for name in named if not (ROOT / name).exists()]


def test_the_limits_of_security_are_the_programs_own():
    from illinstr import config
    from illinstr.minihow import dataset
    from illinstr.models import loading

    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    limits = (
        f"{config.MAX_YAML_BYTES >> 20} MiB, {config.MAX_YAML_DEPTH} deep, {config.MAX_YAML_NODES:,} values",
        f"{loading.MAX_CONFIG_BYTES >> 20} MiB, {loading.MAX_CONFIG_DEPTH} deep",
        f"{loading.MAX_TIMESTEPS:,}",
        f"{dataset.MAX_COUNT // 10**6} million",
    )
    assert not [limit for limit in limits if limit not in text]


def test_floors_lie_above_known_holes():
    """Each least version is the one that ``docs/security.md`` states, and no pinned version is below it."""
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    table = text.partition("## Versions above known holes")[2].partition("## ")[0]
    stated = {name.lower(): version for name, version in re.findall(r"^\| (\w+) \| ([\d.]+) \|", table, re.MULTILINE)}
    listed = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["pdf"]]
    floors = dict(match.groups() for line in listed if (match := re.match(r"([\w-]+)[^>]*>=([\d.]+)", line.lower())))
    assert stated and {name: floors[name] for name in stated} == stated
