"""``enschedule handlers new``: a package with one handler, which installs, and passes its own tests."""

from __future__ import annotations

import re
import sys
import tempfile
from importlib.metadata import version
from importlib.resources import files
from keyword import iskeyword
from pathlib import Path
from string import Template

import click

from enschedule_core.schedule import RESERVED_IDS

_NAME = re.compile(r"[A-Za-z](?:[A-Za-z0-9._-]{0,60}[A-Za-z0-9])?")
_EXAMPLE = "For example: enschedule handlers new acme-pictures"


@click.command(short_help="Write a package with a handler, to start from.")
@click.argument("name")
@click.option(
    "--into",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="The folder to write; one with the package's name, here, unless told otherwise.",
)
def command(name: str, into: Path | None) -> None:
    """Write a package with one handler: schema, handler, tests, pyproject.toml. NAME is the package's, for pip.

    The folder must not exist, or be empty. Nothing else is changed, and nothing installed.
    """
    wanted = values_for(name)
    folder = into or Path(wanted["name"])
    write(folder, wanted)
    click.echo(f"{folder}: a package with the handler {wanted['id']}")
    click.echo(f"Next: cd {folder} && pip install -e . pytest && pytest && enschedule handlers check {wanted['name']}")


def values_for(name: str) -> dict[str, str]:
    """Return what the templates are filled with. Raises :class:`click.BadParameter` for a name that cannot be one."""
    normal = re.sub(r"[-_.]+", "-", name).lower()
    module = normal.replace("-", "_")
    if _NAME.fullmatch(name) is None or iskeyword(module) or module in sys.stdlib_module_names:
        raise click.BadParameter(
            f"{name!r} cannot be the name of a package: it has letters, digits, '-', '_' and '.', begins with a "
            f"letter, ends with none of the signs, is at most 62 long, and no module of Python's own. {_EXAMPLE}",
            param_hint="NAME",
        )
    handler_id = normal.removeprefix("enschedule-").removesuffix("-handler") or normal
    if handler_id in RESERVED_IDS:
        raise click.BadParameter(f"{handler_id!r} cannot be the id of a handler. {_EXAMPLE}", param_hint="NAME")
    if normal in {"enschedule", "enschedule-core"} or module == "enschedule_core":
        raise click.BadParameter(f"{normal} is a package of Enschedule itself. {_EXAMPLE}", param_hint="NAME")
    here = version("enschedule-core")
    return {
        "name": normal,
        "module": module,
        "id": handler_id,
        "title": handler_id.replace("-", " ").capitalize(),
        "least": here,
        "below": str(int(here.split(".", 1)[0]) + 1),
    }


def write(folder: Path, values: dict[str, str]) -> None:
    """Write the package: all of it, or nothing. Raises :class:`click.ClickException` where it cannot be."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise click.ClickException(f"{folder} is there already, so nothing was written. Name another by --into FOLDER")
    module = values["module"]
    targets = {
        "pyproject.toml.txt": Path("pyproject.toml"),
        "README.md.txt": Path("README.md"),
        "handler.py.txt": Path("src", module, "__init__.py"),
        "test_handler.py.txt": Path("tests", f"test_{module}.py"),
    }
    try:
        folder.absolute().parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.absolute().parent, prefix=f".{folder.name}-") as made:
            whole = Path(made) / "whole"
            for template, target in targets.items():
                text = files("enschedule_cli").joinpath("new_handler", template).read_text(encoding="utf-8")
                (whole / target).parent.mkdir(parents=True, exist_ok=True)
                (whole / target).write_text(Template(text).substitute(values), encoding="utf-8")
            (whole / "src" / module / "py.typed").touch()
            whole.replace(folder)
    except OSError as problem:
        raise click.ClickException(f"{folder} cannot be written: {problem.strerror or problem}.") from None
