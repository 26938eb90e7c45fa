"""The history of the tables: one chain of migrations for all databases. Later ones only add."""
