"""``enschedule handlers check``: load plugins here, without a server, and list what is to be mended."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from enschedule_core.registry import Registry


@click.command(short_help="Load plugins here and list what is to be mended.")
@click.argument("names", nargs=-1, metavar="[PLUGIN]...")
def command(names: tuple[str, ...]) -> None:
    """Load plugins in this environment, without a server, and list what is to be mended of them.

    PLUGIN is what IMPORT_HANDLERS takes: a distribution, a module, module:name, or a .py file. Without any, what a
    worker started here would load: IMPORT_HANDLERS and HANDLERS_DIR, else all that is installed.

    Checked are whether it can be loaded, ids and versions, the schema, whether the example fits it, descriptions, and
    the ways from old versions. No handler is run. Exit code 1 where something is to be mended.
    """
    # Not before somebody asks: the command line starts fast.
    from enschedule_core.conformance import check_registry, name_of  # noqa: PLC0415
    from enschedule_core.errors import ConfigurationError  # noqa: PLC0415

    try:
        registry = _load(names)
    except ConfigurationError as problem:
        said = f"{problem.detail} {problem.hint or ''}".rstrip()
        if names:  # they were given here, and not by the variable
            said = said.replace("IMPORT_HANDLERS: ", "").partition(" A valid value:")[0]
        raise click.UsageError(said) from None
    found = check_registry(registry)
    for source in registry.sources:
        offered = [one for one in registry.handlers() if registry.source(one) == source]
        ids = ", ".join(f"{one.id}@{one.version}" for one in offered)
        faulty = {finding.handler for finding in found} & {f"{one.id}@{one.version}" for one in offered}
        click.echo(f"{name_of(source)}: {ids}{'' if faulty else ', nothing to mend'}")
    for finding in found:
        click.echo(f"  {finding}", err=True)
    if not registry.sources and not found:
        raise click.ClickException("There is no plugin here. Install one, or name a module or a .py file.")
    if found:
        click.echo(f"{len(found)} to mend", err=True)
        sys.exit(1)


def _load(names: tuple[str, ...]) -> Registry:
    from enschedule_core.plugins import load_handlers  # noqa: PLC0415

    if names:
        for name in names:
            if "," in name:
                raise click.UsageError(f"{name!r}: apart by spaces, for example: enschedule handlers check a.py b.py")
        return load_handlers(import_handlers=",".join(names))
    folder = os.environ.get("HANDLERS_DIR", "").strip()
    return load_handlers(
        import_handlers=os.environ.get("IMPORT_HANDLERS"),
        handlers_dir=Path(folder).expanduser().absolute() if folder else None,
    )
