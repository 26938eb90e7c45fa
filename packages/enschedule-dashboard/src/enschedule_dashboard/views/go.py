"""Search or go to: the page behind the box in the bar, and what the palette shows."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from enschedule_dashboard import palette
from enschedule_dashboard.session import client

blueprint = Blueprint("go", __name__)
LONGEST = 200
KEYS = (
    (("/",), "search this list, or everywhere"),
    (("Ctrl", "K"), "go to anything, do anything; on top what can be done here"),
    (("n",), "new schedule"),
    (("j", "k"), "next and previous row"),
    (("x",), "tick the row"),
    (("Enter",), "open the row"),
    (("r",), "run now, run again: the row, else the page"),
    (("p",), "pause or resume it"),
    (("e",), "edit it"),
    (("t",), "light or dark"),
    (("Esc",), "close, leave the field, untick"),
    (("?",), "this list"),
)


@blueprint.get("/go")
def index() -> str:
    """Show what the typed words may mean; ``at`` is the path of the page that is in view."""
    text = request.args.get("q", "").strip()[:LONGEST]
    groups = palette.find(client(), text, at=request.args.get("at", ""))
    return render_template("go.html", text=text, groups=groups)


@blueprint.get("/keys")
def keys() -> str:
    """Show what each key does."""
    return render_template("keys.html", help=KEYS)
