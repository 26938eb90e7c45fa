"""How much room the database takes, as its server knows."""

from __future__ import annotations

from sqlalchemy import text

from enschedule_worker.store.database import Transaction

_STATEMENTS = {
    "sqlite": "SELECT (SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size)",
    "postgresql": "SELECT pg_database_size(current_database())",
    "mssql": "SELECT SUM(CAST(size AS BIGINT)) * 8192 FROM sys.database_files",
}
_MYSQL = "SELECT SUM(data_length + index_length) FROM information_schema.tables WHERE table_schema = DATABASE()"


def in_bytes(tx: Transaction) -> int:
    """Return the size of the whole database; on MySQL and MariaDB as of its last statistics, minutes ago."""
    return int(tx.execute(text(_STATEMENTS.get(tx.dialect, _MYSQL))).scalar() or 0)
