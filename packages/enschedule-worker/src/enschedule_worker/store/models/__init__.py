"""The tables. The migrations make the same ones; a test compares the two.

Instants are integer microseconds since 1970 in UTC (``…_at``, ``…_until``), because MariaDB drops fractions and
MariaDB and SQLite drop offsets. Nothing is correct only by a partial index: those are for speed, where they exist.
"""

from enschedule_worker.store.models import people, runs, schedules, sharing, workers

# Whoever imports one of these gets them all: the metadata of the base know every table from the beginning.
__all__ = ["people", "runs", "schedules", "sharing", "workers"]
