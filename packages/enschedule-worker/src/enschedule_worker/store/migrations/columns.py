"""The column types of the migrations, frozen: what a migration made once must not change with the models."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mssql, mysql

TABLE_OPTIONS: dict[str, Any] = {
    f"{dialect}_{option}": value
    for dialect in ("mysql", "mariadb")  # each of them hears only its own name
    for option, value in (("charset", "utf8mb4"), ("collate", "utf8mb4_bin"), ("engine", "InnoDB"))
}
_EXACT = "Latin1_General_100_BIN2"


def key() -> sa.types.TypeEngine[int]:
    """Return the type of a numbered primary key."""
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def short(length: int) -> sa.types.TypeEngine[str]:
    """Return text of at most ``length`` characters that compares exactly."""
    return sa.Unicode(length).with_variant(mssql.NVARCHAR(length, collation=_EXACT), "mssql")


def long_text() -> sa.types.TypeEngine[str]:
    """Return text of any length."""
    return (
        sa.UnicodeText()
        .with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
        .with_variant(mssql.NVARCHAR(None, collation=_EXACT), "mssql")
    )
