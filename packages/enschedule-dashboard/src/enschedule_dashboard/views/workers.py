"""Workers: who runs it, how full they are, what broke on them."""

from __future__ import annotations

from urllib.parse import quote

from flask import Blueprint, render_template
from werkzeug.wrappers import Response

from enschedule_core.errors import NotFound
from enschedule_core.wire.types import Worker
from enschedule_dashboard.filters import viewer
from enschedule_dashboard.notices import say
from enschedule_dashboard.present import plural, since
from enschedule_dashboard.session import back, client

blueprint = Blueprint("workers", __name__)
_ORDER = {"down": 0, "late": 1, "up": 2, "stopped": 3}


@blueprint.get("/workers")
def index() -> str:
    """List the workers, those in trouble first."""
    workers = sorted(
        client().workers.list()["items"], key=lambda worker: (_ORDER.get(worker["status"], 9), worker["id"])
    )
    return render_template("workers.html", workers=workers, sentence=sentence(workers), queue=client().stats.queue())


@blueprint.get("/workers/<instance_id>/remove")
def ask_remove(instance_id: str) -> str:
    """Ask before a worker is forgotten."""
    worker = next((one for one in client().workers.list()["items"] if one["instance_id"] == instance_id), None)
    if worker is None:
        raise NotFound("This worker is not listed any more.")
    name, ago = worker["title"] or worker["id"], since(worker["heartbeat_at"], viewer())
    return render_template(
        "admin_ask.html",
        title=f"Remove {name}?",
        text=f"It was last seen {ago} ago. Its runs stay, and it comes back by itself if it starts again.",
        button=f"Remove {name}",
        path=f"/workers/{quote(instance_id, safe='')}/remove",
        keep="/workers",
    )


@blueprint.post("/workers/<instance_id>/remove")
def remove(instance_id: str) -> Response:
    """Forget a worker that is gone."""
    client().workers.delete(instance_id)
    say("The worker is forgotten. It comes back by itself if it starts again.")
    return back("/workers")


def sentence(workers: list[Worker]) -> str:
    """Return how the workers stand, as one sentence."""
    if not workers:
        return "No worker has been seen yet. Nothing runs until one is there."
    up = [worker for worker in workers if worker["status"] == "up"]
    taken, places = sum(worker["used"] for worker in up), sum(worker["places"] for worker in up)
    of_places = f"; {taken} of {plural(places, 'place')} {'is' if taken == 1 else 'are'} taken" if taken else ""
    parts = [f"{_one_or_all(len(up), len(workers))}{of_places or (', and idle' if up else '')}."]
    parts += [
        f"{worker['id']} was last seen {since(worker['heartbeat_at'], viewer())} ago."
        for worker in workers
        if worker["status"] in {"late", "down"}
    ]
    stuck = sum(worker["stuck"] for worker in workers)
    if stuck:
        held = f"{plural(stuck, 'place')} {'is' if stuck == 1 else 'are'} held by"
        parts.append(f"{held} {'a run' if stuck == 1 else 'runs'} that did not stop at the timeout.")
    return " ".join(parts)


def _one_or_all(up: int, total: int) -> str:
    if total == 1:
        return "The worker is up" if up else "The worker is not up"
    if up == total:
        return "Both workers are up" if total == 2 else f"All {total} workers are up"
    return f"{up} of {total} workers {'is' if up == 1 else 'are'} up"
