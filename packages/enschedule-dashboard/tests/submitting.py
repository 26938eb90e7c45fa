"""What a browser sends for a form as it was drawn: its controls read from the HTML, as the standard has it."""

from __future__ import annotations

from html.parser import HTMLParser

from werkzeug.datastructures import MultiDict

_TRIMMED = {"url", "email"}


class _Form(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.sent: list[tuple[str, str]] = []
        self._select: tuple[str, list[tuple[str, bool]]] | None = None
        self._textarea: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        got = {name: value or "" for name, value in attrs}
        name = got.get("name", "")
        if tag == "input" and name:
            kind, value = got.get("type", "text"), got.get("value", "")
            if kind in ("radio", "checkbox"):
                if "checked" in got:
                    self.sent.append((name, value))
                return
            if kind != "hidden":
                value = value.replace("\r", "").replace("\n", "")
            self.sent.append((name, value.strip() if kind in _TRIMMED else value))
        elif tag == "select":
            self._select = (name, [])
        elif tag == "option" and self._select:
            self._select[1].append((got.get("value", ""), "selected" in got))
        elif tag == "textarea":
            self._textarea = [name]

    def handle_endtag(self, tag: str) -> None:
        if tag == "select" and self._select:
            name, options = self._select
            chosen = [value for value, is_selected in options if is_selected] or [options[0][0]]
            self.sent.append((name, chosen[-1]))
            self._select = None
        elif tag == "textarea" and self._textarea:
            text = "".join(self._textarea[1:]).removeprefix("\n")
            self.sent.append((self._textarea[0], text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")))
            self._textarea = None

    def handle_data(self, data: str) -> None:
        if self._textarea is not None:
            self._textarea.append(data)


def submitted(html: str, **more: str) -> MultiDict[str, str]:
    """Return what is sent when the form in ``html`` is submitted, with ``more`` as its button sends it."""
    form = _Form()
    form.feed(html)
    form.close()
    return MultiDict([*form.sent, *more.items()])
