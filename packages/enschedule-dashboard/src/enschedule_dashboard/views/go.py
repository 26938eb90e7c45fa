"""Search or go to: the page behind the box in the bar, and what the palette shows."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from enschedule_dashboard import palette
from enschedule_dashboard.session import client

blueprint = Blueprint("go", __name__)
LONGEST = 200


@blueprint.get("/go")
def index() -> str:
    """Show what the typed words may mean."""
    text = request.args.get("q", "").strip()[:LONGEST]
    return render_template("go.html", text=text, groups=palette.find(client(), text))
