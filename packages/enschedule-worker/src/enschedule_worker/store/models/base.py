"""What all tables have in common: their base, the types of their columns, and the options of a table."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mssql, mysql
from sqlalchemy.orm import DeclarativeBase

TABLE_OPTIONS: dict[str, Any] = {
    f"{dialect}_{option}": value
    for dialect in ("mysql", "mariadb")  # each of them hears only its own name
    for option, value in (("charset", "utf8mb4"), ("collate", "utf8mb4_bin"), ("engine", "InnoDB"))
}
_EXACT = "Latin1_General_100_BIN2"  # SQL Server compares without case unless told otherwise

Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite numbers rows only by INTEGER
Instant = sa.BigInteger()
LongText = (
    sa.UnicodeText()
    .with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
    .with_variant(mssql.NVARCHAR(None, collation=_EXACT), "mssql")
)


def short(length: int) -> sa.types.TypeEngine[str]:
    """Return a text column type of at most ``length`` characters that compares exactly on every database."""
    return sa.Unicode(length).with_variant(mssql.NVARCHAR(length, collation=_EXACT), "mssql")


class Base(DeclarativeBase):
    """All tables of the worker's database."""

    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
