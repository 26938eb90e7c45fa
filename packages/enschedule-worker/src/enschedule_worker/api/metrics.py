"""Figures for Prometheus, at the address where it looks: ``/metrics``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flask import Response

from enschedule_core.actor import Permission
from enschedule_worker.api.context import actor, context
from enschedule_worker.api.routing import Blueprint
from enschedule_worker.service import metrics

PATH = "/metrics"
MEDIA_TYPE = "text/plain"
_CONTENT_TYPE = f"{MEDIA_TYPE}; version=0.0.4; charset=utf-8"

blueprint = Blueprint("metrics", __name__, description="Figures for Prometheus")


@blueprint.route(PATH, methods=["GET"])
@blueprint.needs(Permission.READ)
@blueprint.no_query()
@blueprint.alt_response(200, schema={"type": "string"}, content_type=MEDIA_TYPE)
def get_metrics() -> Response:
    """Return runs, queue, workers and schedules in figures, as the text format of Prometheus."""
    here = context()
    found = metrics.read(here.database, actor(), here.meter, here.size, here.version)
    return Response("".join(f"{line}\n" for line in lines(found)), content_type=_CONTENT_TYPE)


def lines(found: Iterable[metrics.Metric]) -> Iterator[str]:
    """Return the figures in the text format, line by line."""
    for metric in found:
        name = f"enschedule_{metric.name}"
        yield f"# HELP {name} {metric.help}"
        yield f"# TYPE {name} {metric.kind}"
        for sample in metric.samples:
            labels = ",".join(f'{label}="{_escaped(value)}"' for label, value in sample.labels.items())
            yield f"{name}{sample.suffix}{f'{{{labels}}}' if labels else ''} {float(sample.value):.17g}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
