"""GLOSSARY.md holds: our code defines no name with a word the glossary refuses."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted(ROOT.glob("packages/*/src/**/*.py"))
# The public API of the origin, which other people's programs rely on.
ORIGIN = {"register_job", "job", "jobs", "log_job", "log_jobs", "LOG_JOBS", "LogJobs"}
CLASS_ENDINGS = ("Manager", "Helper", "Helpers", "Util", "Utils")


def refused_words() -> list[tuple[str, ...]]:
    """The words in code in the last column of the glossary's table, each as its parts, and `job`."""
    rows = [line.split("|") for line in (ROOT / "GLOSSARY.md").read_text(encoding="utf-8").splitlines() if "|" in line]
    found = [tuple(word.split()) for row in rows[2:] for word in re.findall(r"`([^`]+)`", row[3])]
    return [*found, ("job",)]


@cache
def trees() -> list[tuple[Path, ast.Module]]:
    """All of our code."""
    return [(path, ast.parse(path.read_text(encoding="utf-8"))) for path in SOURCES]


def defined_names(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name, node.lineno
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name, node.lineno


def parts(name: str) -> list[str]:
    """The words of a name, in lower case and singular: JobStore, job_store and JOB_STORES are job, store."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return [word.removesuffix("s") for word in spaced.lower().split("_") if word]


def breaks_glossary(name: str, refused: list[tuple[str, ...]]) -> bool:
    words = parts(name)
    runs = {tuple(words[start:end]) for start in range(len(words)) for end in range(start + 1, len(words) + 1)}
    return name.strip("_") not in ORIGIN and any(tuple(parts("_".join(word))) in runs for word in refused)


def test_the_glossary_refuses_something():
    assert ("task",) in refused_words()
    assert ("cron", "job") in refused_words()


@pytest.mark.parametrize("name", ["TaskQueue", "run_task", "tasks", "cron_job", "MisfirePolicy", "JOB_ID", "_job_id"])
def test_a_refused_word_is_found_inside_of_names(name):
    assert breaks_glossary(name, refused_words())


@pytest.mark.parametrize("name", ["register_job", "log_jobs", "run_id", "multitasking", "occurrence_key"])
def test_other_names_pass(name):
    assert not breaks_glossary(name, refused_words())


def test_no_name_uses_a_refused_word():
    refused = refused_words()
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path, tree in trees()
        for name, line in [(path.stem, 1), *defined_names(tree)]
        if breaks_glossary(name, refused)
    ]
    assert SOURCES
    assert not found, "GLOSSARY.md has other words for these:\n" + "\n".join(found)


def test_no_class_is_named_for_not_knowing_what_it_is():
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.name}"
        for path, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and node.name.endswith(CLASS_ENDINGS)
    ]
    assert not found, "\n".join(found)
