"""Build the images of the Dockerfile without a daemon, and try them, as root and with buildah.

    .venv/bin/python tools/image.py [--base IMAGE] [--only-build] [--fresh]

Where no registry of images can be reached, a base is made with debootstrap: Debian with its own Python. `--base` takes
one that can be pulled, such as the Dockerfile's own. Then the three targets are built, and started as the pages and
compose.yaml say, read-only, as their own user, without any right, in namespaces of their own: see image_trial.py.
Exits with 0 when everything was seen. Debian: apt-get install buildah debootstrap iproute2 postgresql

Packages come from where pip gets them on this machine; its settings and certificates are handed to the build.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import bootstrap
import package_index

ROOT = Path(__file__).resolve().parent.parent
TARGETS = {"dashboard": "enschedule-dashboard", "worker": "enschedule-worker", "enschedule": "enschedule:latest"}
BASE = "localhost/enschedule-base"
SUITE = "bookworm"
IN_BASE = "python3,python3-venv,ca-certificates"
CERTIFICATES = Path("/etc/ssl/certs")


class Missing(Exception):
    """Something this needs is not there, or something that had to be seen was not."""


def run(*command: str | Path, stdin: str | None = None) -> str:
    """Run a command and return what it printed; what it says besides goes to the terminal."""
    done = subprocess.run(
        [*map(str, command)], input=stdin, stdout=subprocess.PIPE, text=True, check=False, env=environment()
    )
    if done.returncode:
        raise Missing(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stdout[-4000:]}")
    return done.stdout.strip()


def environment() -> dict[str, str]:
    """Return the environment of buildah: without a runtime for containers, it builds in a chroot."""
    return {"BUILDAH_ISOLATION": "chroot", **os.environ}


def say(text: str) -> None:
    """Print one line of progress."""
    print(f"image: {text}", flush=True)


def check_machine(*, makes_base: bool) -> None:
    """Raise where a program or a right is missing."""
    needed = ["buildah", "unshare", "nsenter", "ip", *(["debootstrap"] if makes_base else [])]
    missing = [program for program in needed if shutil.which(program) is None]
    if missing:
        raise Missing(f"{', '.join(missing)} not found. Debian: apt-get install {' '.join(missing)}")
    if os.geteuid():
        raise Missing("only root may make roots for containers without a daemon")


def make_base() -> str:
    """Return the image of a small Debian with its own Python, made with debootstrap unless it is there already."""
    if BASE in run("buildah", "images", "--format", "{{.Name}}").split():
        return BASE
    say(f"making {BASE} with debootstrap ({SUITE})")
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "root"
        run("debootstrap", "--variant=minbase", f"--include={IN_BASE}", SUITE, tree)
        container = run("buildah", "from", "scratch")
        try:
            run("buildah", "add", "--quiet", container, tree, "/")
            run("buildah", "config", "--cmd", "python3", container)
            run("buildah", "commit", "--quiet", "--format", "docker", container, BASE)
        finally:
            run("buildah", "rm", container)
    return BASE


def pip_configuration() -> str:
    """Return a pip.conf with what pip is set up for here, as far as it can be of use inside of a build."""
    settings = package_index.read_settings(os.environ, bootstrap.DEFAULT_INDEX)
    options = {
        "index-url": settings.index if settings.explicit else "",
        "extra-index-url": " ".join(place for place in settings.extra if not place.startswith("file:")),
        "trusted-host": " ".join(settings.trusted_hosts),
        "proxy": settings.proxy or "",
        "cert": settings.cert if settings.cert and Path(settings.cert).is_relative_to(CERTIFICATES) else "",
    }
    return "[global]\n" + "".join(f"{name} = {value}\n" for name, value in options.items() if value)


def build(base: str) -> dict[str, dict[str, Any]]:
    """Build every target and return the configuration of each."""
    found = {}
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
        file.write(pip_configuration())
        file.flush()
        for target, name in TARGETS.items():
            say(f"building {name}")
            options = ["--format", "docker", "--layers", "--target", target, "--tag", f"localhost/{name}"]
            # Certificates of this machine's own authorities are in no image.
            options += ["--build-arg", f"BASE_IMAGE={base}", "--secret", f"id=pip_conf,src={file.name}"]
            options += ["--volume", f"{CERTIFICATES}:{CERTIFICATES}:ro"]
            run("buildah", "bud", *options, ROOT)
            image = json.loads(run("buildah", "inspect", "--type", "image", f"localhost/{name}"))
            found[target] = image["Docker"]["config"]
    return found


def derive() -> None:
    """Build the image with a handler package of the page about containers, with a package that is made here."""
    page = (ROOT / "docs" / "containers.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```dockerfile\n(.*?)```", page, re.DOTALL)
    wheel = "acme_pictures-1.0.0-py3-none-any.whl"
    text = text.replace("enschedule:latest", f"localhost/{TARGETS['enschedule']}")
    text = text.replace("acme-pictures", f"--no-index /packages/{wheel}").replace("RUN ", "COPY *.whl /packages/\nRUN ")
    metadata = {
        "METADATA": "Metadata-Version: 2.1\nName: acme-pictures\nVersion: 1.0.0\nRequires-Dist: enschedule-core\n",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: image.py\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "entry_points.txt": "[enschedule.handlers]\npictures = acme_pictures\n",
        "RECORD": "",
    }
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(Path(folder) / wheel, "w") as archive:
            archive.writestr(
                "acme_pictures.py", "from enschedule_core import handler\n\nresize = handler(id='resize')(print)\n"
            )
            for name, content in metadata.items():
                archive.writestr(f"acme_pictures-1.0.0.dist-info/{name}", content)
        (Path(folder) / "Dockerfile").write_text(text, encoding="utf-8")
        say("building the image with a handler package, as the page says")
        run("buildah", "bud", "--format", "docker", "--tag", "localhost/enschedule-derived", folder)
    container = run("buildah", "from", "localhost/enschedule-derived")
    try:
        look = "from importlib.metadata import entry_points as e; print(*sorted(e(group='enschedule.handlers').names))"
        found = run("buildah", "run", container, "--", "python", "-c", f"import os; print(os.getuid()); {look}").split()
        if found != ["10001", "fetch", "log", "pictures"]:
            raise Missing(f"user and handler packages are {found}")
        say(f"user {found[0]} has the handler packages {', '.join(found[1:])}")
    finally:
        run("buildah", "rm", container)


def try_out(configs: dict[str, dict[str, Any]]) -> None:
    """Mount the last image and let image_trial.py start it, in a network of its own where every port is free."""
    container = run("buildah", "from", f"localhost/{TARGETS['enschedule']}")
    try:
        tree = run("buildah", "mount", container)
        trial = ["unshare", "--net", sys.executable, str(Path(__file__).with_name("image_trial.py")), tree]
        done = subprocess.run([*trial], input=json.dumps(configs), text=True, check=False)
        if done.returncode:
            raise Missing("the trial failed; what was missing is above")
    finally:
        run("buildah", "rm", container)


def main(arguments: list[str]) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="image.py", description="Build the images without a daemon, and try them.")
    parser.add_argument("--base", help="the base image, pulled if need be; made with debootstrap without this")
    parser.add_argument("--only-build", action="store_true", help="do not start anything")
    parser.add_argument("--fresh", action="store_true", help="make the base anew")
    given = parser.parse_args(arguments)
    try:
        check_machine(makes_base=given.base is None)
        if given.fresh and BASE in run("buildah", "images", "--format", "{{.Name}}").split():
            run("buildah", "rmi", "--force", BASE)
        images = build(given.base or make_base())
        for target, config in images.items():
            command = [*config["Entrypoint"], *(config["Cmd"] or [])]
            say(f"{TARGETS[target]}: user {config['User']}, ports {', '.join(config['ExposedPorts'])}, {command}")
        if not given.only_build:
            derive()
            try_out(images)
    except (Missing, package_index.IndexFault) as problem:
        say(str(problem))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
