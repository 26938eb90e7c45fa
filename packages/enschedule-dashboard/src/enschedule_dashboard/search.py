"""What is typed into a search box: words, and filters written ``status:failing tag:shop``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode


@dataclass(frozen=True, slots=True)
class Search:
    """The words that are searched, and the filters by name."""

    words: str
    filters: Mapping[str, str]

    @property
    def text(self) -> str:
        """The search as one would type it."""
        return " ".join([*(f"{name}:{value}" for name, value in self.filters.items()), self.words]).strip()

    def without(self, name: str) -> Search:
        """Return this search with one filter less."""
        return Search(self.words, {key: value for key, value in self.filters.items() if key != name})

    def query(self, **more: str | None) -> str:
        """Return the query string of this search (``?q=…&status=…``, empty if there is nothing), with ``more``."""
        pairs = {"q": self.words, **self.filters, **more}
        kept = {name: value for name, value in pairs.items() if value}
        return f"?{urlencode(kept)}" if kept else ""


def read(text: str | None, given: Mapping[str, str], names: Iterable[str]) -> Search:
    """Read a search box and the address's own parameters; a filter that was typed wins over the address.

    ``names`` are the filters there are; ``other:thing`` is searched as a word, because titles hold colons.
    """
    known = tuple(names)
    filters = {name: given[name].strip() for name in known if given.get(name, "").strip()}
    words = []
    for word in (text or "").split():
        name, colon, value = word.partition(":")
        if colon and value and name.lower() in known:
            filters[name.lower()] = value
        else:
            words.append(word)
    return Search(" ".join(words), filters)
