"""Templates read what the API answered as Jinja does, without an exception for each name."""

from __future__ import annotations

import pytest
from jinja2 import Environment, Undefined

from enschedule_dashboard.templating import Pages, Templates


def test_the_pages_have_such_templates():
    assert type(Pages("enschedule_dashboard").jinja_env) is Templates


class Known(dict):
    title = "an attribute"


@pytest.mark.parametrize(
    ("thing", "name"),
    [
        ({"title": "Nightly"}, "title"),
        ({"title": None}, "title"),
        ({}, "title"),
        ({"items": [1], "keys": 2}, "items"),
        ({"get": 1}, "get"),
        (Known(title="an item"), "title"),
        ([1], "title"),
        ("text", "upper"),
        (Undefined(name="schedule"), "__class__"),
    ],
)
def test_a_name_means_what_it_means_to_jinja(thing: object, name: str):
    ours, theirs = Templates(Pages("enschedule_dashboard")).getattr(thing, name), Environment().getattr(thing, name)
    if isinstance(theirs, Undefined):
        assert (type(ours), str(ours)) == (type(theirs), str(theirs))
    else:
        assert ours == theirs


def test_a_name_that_a_dict_lacks_is_undefined_and_not_asked_by_exception():
    class Asked(Exception):
        """Jinja's own way was gone."""

    templates = Templates(Pages("enschedule_dashboard"))

    def refuse(*_: object) -> object:
        raise Asked

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Environment, "getattr", refuse)
        assert templates.getattr({"title": "Nightly"}, "title") == "Nightly"
        assert isinstance(templates.getattr({}, "title"), Undefined)
