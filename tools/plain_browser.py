"""A browser without JavaScript, for scripts that do in the dashboard what people do: fill in forms, and send them."""

from __future__ import annotations

import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookiejar import CookieJar

TIMEOUT_SECONDS = 30
_NO_VALUES = ("submit", "button", "reset", "image", "file")


@dataclass
class Form:
    """A form of a page: where it goes, and what it would send as it stands there. Buttons are not among it."""

    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)

    def names(self) -> set[str]:
        """Return the names of its fields."""
        return {name for name, _ in self.fields}


class _Forms(HTMLParser):
    """Collects the forms of a page, each field with the value that a browser would send."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []
        self._open: Form | None = None
        self._text: tuple[str, list[str]] | None = None
        self._select: tuple[str, list[str], list[str]] | None = None  # its name, its options, those that are selected

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name, value = given.get("name") or "", given.get("value") or ""
        if tag == "form":
            self._open = Form(given.get("action") or "", (given.get("method") or "get").upper())
            self.found.append(self._open)
        elif self._open is None or "disabled" in given:
            return
        elif tag == "input":
            self._open.fields += _sent(name, value, given)
        elif tag == "textarea":
            self._text = (name, [])
        elif tag == "select":
            self._select = (name, [], [])
        elif tag == "option" and self._select is not None:
            self._select[1].append(value)
            if "selected" in given:
                self._select[2].append(value)

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text[1].append(data)

    def handle_endtag(self, tag: str) -> None:
        if self._open is None:
            return
        if tag == "form":
            self._open = None
        elif tag == "textarea" and self._text is not None:
            name, parts = self._text
            self._open.fields.append((name, "".join(parts).removeprefix("\n")))
            self._text = None
        elif tag == "select" and self._select is not None:
            name, options, selected = self._select
            self._open.fields += [(name, one) for one in selected or options[:1]]
            self._select = None


def _sent(name: str, value: str, given: Mapping[str, str | None]) -> list[tuple[str, str]]:
    """Return what an input sends as it stands there."""
    kind = given.get("type") or "text"
    if kind in ("checkbox", "radio"):
        return [(name, value or "on")] if name and "checked" in given else []
    return [(name, value)] if name and kind not in _NO_VALUES else []


class Browser:
    """Somebody at one dashboard, with cookies. What goes wrong is an :class:`AssertionError` that says where."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def page(self, path: str, data: bytes | None = None) -> tuple[str, str]:
        """Return the address that a request ends at, as a path, and the page there."""
        headers = {"Origin": self.url, "Accept": "text/html"}
        request = urllib.request.Request(self.url + path, data, headers)
        try:
            with self._opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                return answer.url.removeprefix(self.url), answer.read().decode()
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {error.code}\n{error.read().decode()[-2000:]}") from None

    def submit(self, path: str, **changes: str) -> tuple[str, str]:
        """Fill in the form of a page that has all these fields, send it, and return where that leads, and the page."""
        form = self._form(path, lambda one: set(changes) <= one.names(), f"the fields {', '.join(changes)}")
        return self._send(path, form, changes)

    def press(self, path: str, action: str) -> tuple[str, str]:
        """Send the form of a page that goes to ``action`` as it is, and return where that leads, and the page."""
        form = self._form(path, lambda one: one.action == action, f"the action {action}")
        return self._send(path, form, {})

    def _form(self, path: str, fits: Callable[[Form], bool], what: str) -> Form:
        parser = _Forms()
        parser.feed(self.page(path)[1])
        for form in parser.found:
            if form.method == "POST" and fits(form):
                return form
        raise AssertionError(f"{path}: there is no form with {what} among {[one.action for one in parser.found]}")

    def _send(self, path: str, form: Form, changes: Mapping[str, str]) -> tuple[str, str]:
        kept = [(name, value) for name, value in form.fields if name not in changes]
        data = urllib.parse.urlencode([*kept, *changes.items()]).encode()
        return self.page(form.action or path, data)
