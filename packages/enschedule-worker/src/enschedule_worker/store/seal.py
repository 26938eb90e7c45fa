"""The one way of data into the database and out of it, where encryption of secrets has its place.

Nothing is marked secret yet, so both are the identity; every reader and writer of data goes through here all the same.
"""

from __future__ import annotations


def seal(text: str) -> str:
    """Return the stored form of data that is JSON text."""
    return text


def unseal(stored: str) -> str:
    """Return data as JSON text from its stored form."""
    return stored
