#!/opt/enschedule/bin/python -I
"""Whether the program of this container works: exit code 0 or 1, and one line that says why. For HEALTHCHECK.

    enschedule-health [dashboard|worker]

Without an argument it looks at the command that the container was started with, and then at API_ENDPOINT, as the entry
point does. A worker is asked whether it is ready, and so is
the one inside of a dashboard; a dashboard in front of a worker elsewhere only has to answer, because another one would
not help if that worker is gone. A worker without an API has nobody to ask: that it runs is all that is known.
"""

from __future__ import annotations

import http.client
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

TRUE = frozenset({"true", "1", "yes", "on"})
PORTS = {"dashboard": 3000, "worker": 8080}
READY = "/api/v1/readyz"
ALIVE = "/healthz"
TIMEOUT_SECONDS = 8
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what to ask where the server listens on all


def main(arguments: Sequence[str], environ: Mapping[str, str], started_with: Sequence[str] = ()) -> int:
    """Ask once, print the answer, and return the exit code; ``started_with`` is the command line of process 1."""
    serves = environ.get("API_ENDPOINT", "").strip().lower() in TRUE
    named = [word for word in (*arguments, *reversed(started_with)) if word in PORTS]
    program = named[0] if named else ("worker" if serves else "dashboard")
    if program == "worker" and not serves:
        print("The worker runs; API_ENDPOINT is off, so there is nothing to ask it.")
        return 0
    apart = program == "dashboard" and bool(environ.get("WORKER_URL", "").strip())
    port = int(_first(environ, "ENSCHEDULE_PORT", "PORT") or PORTS[program])
    host = _first(environ, "ENSCHEDULE_HOST", "HOST") or "127.0.0.1"
    path = ALIVE if apart else READY
    try:
        status, body = _ask(EVERYWHERE.get(host, host), port, path)
    except (OSError, http.client.HTTPException) as problem:
        print(f"The {program} does not answer on {host}:{port}: {problem}")
        return 1
    print(f"{path}: {status} {body}".rstrip())
    return int(status >= 400)


def _first(environ: Mapping[str, str], *names: str) -> str | None:
    return next((found for name in names if (found := environ.get(name, "").strip())), None)


def _ask(host: str, port: int, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read(2000).decode("utf-8", "replace").strip()
    finally:
        connection.close()


def _process_1() -> list[str]:
    try:
        return Path("/proc/1/cmdline").read_text(encoding="utf-8", errors="replace").split("\0")
    except OSError:
        return []  # somebody hides it


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ, _process_1()))
