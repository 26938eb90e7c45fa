"""Somebody else's handlers: a package installed beside Enschedule, one that is broken, a file in a folder."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "2.5"
dependencies = ["enschedule-core", "marshmallow"]

[project.entry-points."enschedule.handlers"]
{module} = "{module}"

[tool.hatch.build.targets.wheel]
packages = ["{module}"]
"""
BAKERY = '''
"""Bakes bread."""

from enum import Enum

from enschedule_core import handler, hookimpl
from marshmallow import Schema, ValidationError, fields, validate


class Flour(Enum):
    RYE = "rye"
    WHEAT = "wheat"


class Oven(Schema):
    celsius = fields.Integer(required=True, validate=validate.Range(100, 300))
    steam = fields.Boolean(load_default=True)


class Bread(Schema):
    flour = fields.Enum(Flour, by_value=True, required=True, metadata={"description": "What it is made of"})
    oven = fields.Nested(Oven, required=True)
    loaves = fields.Integer(load_default=2)


@handler(id="bake", version=3, title="Bake bread", description="Bakes some loaves", data_schema=Bread,
         example={"flour": "rye", "oven": {"celsius": 220}})
def bake(data):
    flour, oven = data["flour"].value, data["oven"]
    for loaf in range(1, data["loaves"] + 1):
        print(f"loaf {loaf} of {flour} at {oven['celsius']} degrees, steam {oven['steam']}")
    return {"loaves": data["loaves"]}


@hookimpl
def enschedule_register_handlers(registry):
    registry.register(bake)
'''
BROKEN = '''
"""Cannot be imported."""

raise RuntimeError("the flour is gone")
'''
DROPPED = '''
"""A single file: no package, no hook."""

from enschedule_core import handler


@handler(id="greet", title="Greet", description="Says hello", example={"name": "world"})
def greet(data):
    print(f"hello {data['name']}")
'''


class Environment:
    """A virtual environment of its own that also sees what is installed here, so that nothing here is touched."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, with_pip=False, symlinks=True)
        self.python = str(folder / "bin" / "python")
        here = sysconfig.get_path("purelib")
        # addsitedir, not a bare path: editable installs are .pth files themselves.
        self.packages(folder).joinpath("beside.pth").write_text(f"import site; site.addsitedir({here!r})\n")

    def packages(self, folder: Path) -> Path:
        return Path(sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)}))

    def install(self, project: Path) -> None:
        command = [sys.executable, "-m", "pip", "--python", self.python, "install", "--quiet", "--no-index"]
        command += ["--no-deps", "--no-build-isolation", "--disable-pip-version-check", str(project)]
        subprocess.run(command, check=True, capture_output=True, text=True)


def write_project(folder: Path, name: str, source: str) -> Path:
    module = name.replace("-", "_")
    (folder / module).mkdir(parents=True)
    (folder / "pyproject.toml").write_text(dedent(PYPROJECT).format(name=name, module=module))
    (folder / module / "__init__.py").write_text(source)
    return folder


@pytest.fixture(scope="module")
def server(start_server, tmp_path_factory) -> Iterator:
    """A server with one third-party package, one that is broken, and a file in HANDLERS_DIR."""
    root = tmp_path_factory.mktemp("third-party")
    environment = Environment(root / "venv")
    environment.install(write_project(root / "bakery", "acme-bakery", BAKERY))
    environment.install(write_project(root / "broken", "acme-broken", BROKEN))
    handlers = root / "handlers"
    handlers.mkdir()
    (handlers / "greetings.py").write_text(DROPPED)
    with start_server(root / "site", python=environment.python, HANDLERS_DIR=str(handlers)) as running:
        yield running


@pytest.fixture
def page(server, new_context):
    page = new_context(base_url=server.url).new_page()
    page.set_default_timeout(15_000)
    return page


def save_and_run(page) -> None:
    page.get_by_role("radio", name="By hand").check()
    page.get_by_role("button", name="Save and run now").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Run")


def test_its_handler_is_documented(page):
    page.goto("/handlers")
    page.get_by_role("link", name=re.compile("^bake")).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Bake bread")
    for words in ("flour", "What it is made of", "celsius", "acme-bakery 2.5"):
        expect(page.get_by_text(words).first).to_be_visible()


def test_its_schema_becomes_a_form_and_it_runs(page, server):
    page.goto("/schedules/new?handler=bake")
    page.get_by_label("Title").fill("Morning bread")
    flour = page.get_by_role("radiogroup", name="Flour")
    expect(flour.get_by_role("radio")).to_have_count(2)
    expect(flour.get_by_role("radio", name="rye")).to_be_checked()
    flour.get_by_role("radio", name="wheat").check()
    oven = page.get_by_role("group", name="Oven")
    expect(oven.get_by_label("Celsius")).to_have_value("220")
    oven.get_by_label("Celsius").fill("9000")
    oven.get_by_label("Steam").uncheck()
    page.get_by_role("radio", name="By hand").check()
    page.get_by_role("button", name="Save and run now").click()
    expect(oven.get_by_label("Celsius")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_text(re.compile("100.*300")).first).to_be_visible()
    oven.get_by_label("Celsius").fill("240")
    page.get_by_role("button", name="Save and run now").click()
    output = page.get_by_role("list", name="Output")
    expect(output).to_contain_text("loaf 1 of wheat at 240 degrees, steam False")
    expect(output).to_contain_text("loaf 2 of wheat")
    expect(page.locator("#result")).to_contain_text('"loaves": 2')
    assert server.get("schedules/morning-bread")["handler"] == {"id": "bake", "version": 3}


def test_the_broken_one_is_listed_with_its_traceback_and_harms_nothing(page, server):
    page.goto("/handlers")
    broken = page.get_by_role("region", name="Broken")
    expect(broken).to_contain_text("acme-broken 2.5")
    expect(broken).to_contain_text("the flour is gone")
    broken.get_by_text("Traceback of acme-broken").click()
    expect(broken.locator("pre")).to_contain_text('raise RuntimeError("the flour is gone")')
    assert server.get("readyz")["status"] == "ready"
    ids = {handler["id"] for handler in server.get("handlers")["items"]}
    assert ids >= {"bake", "greet", "fetch", "log-job"}
    assert "the flour is gone" in server.log


def test_a_file_in_the_folder_is_a_plugin_too(page, server):
    page.goto("/schedules/new?handler=greet")
    page.get_by_label("Title").fill("Greet them")
    expect(page.get_by_label("Data as JSON")).to_have_value(re.compile('"name": "world"'))
    save_and_run(page)
    expect(page.get_by_role("list", name="Output")).to_contain_text("hello world")


def test_nothing_was_installed_here():
    from importlib.metadata import distributions

    assert not [found.name for found in distributions() if found.name.startswith("acme-")]
