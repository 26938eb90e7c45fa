"""What holds for the whole repository: the shape of the distributions, their requirements, nobody's own addresses."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECTS = {path.parent.name: path for path in sorted(ROOT.glob("packages/*/pyproject.toml"))}
NOT_IMPORTED = {"tzdata"}  # data, which zoneinfo finds by itself
WITH_CODE = [folder for folder in PROJECTS if folder != "enschedule"]


def project(folder: str) -> dict:
    return tomllib.loads(PROJECTS[folder].read_text(encoding="utf-8"))["project"]


def import_name(folder: str) -> str:
    return project(folder)["name"].replace("-", "_")


def sources(folder: str) -> list[Path]:
    return sorted((PROJECTS[folder].parent / "src").rglob("*.py"))


def requirement_names(folder: str) -> set[str]:
    """The names of all requirements, extras included, as PEP 503 writes them."""
    table = project(folder)
    every = [*table.get("dependencies", ()), *chain(*table.get("optional-dependencies", {}).values())]
    return {normal(re.match(r"[\w.-]+", requirement)[0]) for requirement in every}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@cache
def committed_files() -> list[Path]:
    """Every file that is committed, or would be by `git add .`."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [path for name in listing.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def lines_that_match(pattern: str, *, but: set[str]) -> list[str]:
    found = []
    for path in committed_files():
        name = str(path.relative_to(ROOT))
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue  # a picture or a font
        found += [f"{name}:{n}" for n, line in enumerate(lines, 1) if name not in but and re.search(pattern, line)]
    return found


# --- The distributions ---


def test_there_are_ten_distributions():
    assert len(PROJECTS) == 10


@pytest.mark.parametrize("folder", PROJECTS)
def test_a_distribution_has_its_papers(folder):
    home = PROJECTS[folder].parent

    assert (home / "README.md").read_text(encoding="utf-8").startswith(f"# {project(folder)['name']}\n")
    assert (home / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert project(folder)["license"] == "MIT"
    assert project(folder)["requires-python"] == ">=3.11"


@pytest.mark.parametrize("folder", WITH_CODE)
def test_a_package_is_typed_and_tested(folder):
    home = PROJECTS[folder].parent

    assert [path.parent.name for path in home.glob("src/*/__init__.py")] == [import_name(folder)]
    assert (home / "src" / import_name(folder) / "py.typed").is_file()
    assert list((home / "tests").glob("test_*.py")), "no tests"


def test_one_version_everywhere():
    version = project("enschedule-core")["version"]

    assert {folder: project(folder)["version"] for folder in PROJECTS} == dict.fromkeys(PROJECTS, version)
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("folder", [folder for folder in PROJECTS if not folder.endswith("-handler")])
def test_our_packages_require_each_other_in_the_same_version(folder):
    ours = [name for name in project(folder)["dependencies"] if name.startswith("enschedule")]

    assert all(name.endswith(f"=={project(folder)['version']}") for name in ours), ours


def test_enschedule_requires_all_the_others_and_holds_no_code():
    others = {project(folder)["name"] for folder in WITH_CODE}

    assert requirement_names("enschedule") == others
    assert not list(PROJECTS["enschedule"].parent.rglob("*.py"))


@cache
def providers() -> Mapping[str, list[str]]:
    """The distributions that have each top-level module."""
    return packages_distributions()


@cache
def imports(folder: str) -> set[str]:
    """The top-level modules of others that the package imports."""
    nodes = [node for path in sources(folder) for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    names = {name.partition(".")[0] for node in nodes for name in imported_by(node)}
    return names - sys.stdlib_module_names - {import_name(folder), "__future__"}


@pytest.mark.parametrize("folder", WITH_CODE)
def test_what_is_imported_is_required(folder):
    required = requirement_names(folder)
    missing = {name for name in imports(folder) if required.isdisjoint(map(normal, providers().get(name, [name])))}

    assert not missing, f"{folder}/pyproject.toml does not require what provides: {', '.join(sorted(missing))}"


@pytest.mark.parametrize("folder", WITH_CODE)
def test_what_is_required_is_imported(folder):
    provided = {normal(each) for name in imports(folder) for each in providers().get(name, [name])}
    required = {normal(re.match(r"[\w.-]+", requirement)[0]) for requirement in project(folder)["dependencies"]}
    idle = {name for name in required - provided - NOT_IMPORTED if not name.startswith("enschedule-")}

    assert not idle, f"{folder}/pyproject.toml requires what it never imports: {', '.join(sorted(idle))}"


def imported_by(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=str(module), level=0):
            return [module]
    return []


def entry_points() -> list[tuple[str, str]]:
    """The folder and the target of every script, command and handler."""
    tables = [(folder, project(folder)) for folder in WITH_CODE]
    groups = [(folder, [t.get("scripts", {}), *t.get("entry-points", {}).values()]) for folder, t in tables]
    return [(folder, target) for folder, every in groups for group in every for target in group.values()]


@pytest.mark.parametrize(("folder", "target"), entry_points())
def test_an_entry_point_leads_to_a_module_of_its_own_package(folder, target):
    module = target.partition(":")[0].replace(".", "/")
    home = PROJECTS[folder].parent / "src"

    assert (home / f"{module}.py").is_file() or (home / module / "__init__.py").is_file()


# --- The tests ---


def test_every_test_file_has_a_name_of_its_own():
    names = [path.name for path in committed_files() if path.name.startswith("test_") and path.suffix == ".py"]

    assert sorted(names) == sorted(set(names))


# --- No address of anybody's own ---


def test_only_the_bootstrap_names_a_package_index():
    hosts = [
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("registry", "npmjs"),
        ("deb", "debian", "org"),
        ("crates", "io"),
    ]
    pattern = "|".join(r"\.".join(host) for host in hosts)

    assert lines_that_match(pattern, but={"tools/bootstrap.py"}) == []
    assert len(re.findall(pattern, (ROOT / "tools" / "bootstrap.py").read_text(encoding="utf-8"))) == 1


def test_no_file_names_a_place_on_a_developers_machine():
    assert lines_that_match("/(?:work|root|Users)/[a-z.]", but=set()) == []


def test_no_lock_file_is_committed():
    assert [path for path in committed_files() if path.name in ("uv.lock", "poetry.lock", "package-lock.json")] == []
