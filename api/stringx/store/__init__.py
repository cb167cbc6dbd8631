"""The internal database: tables, and the queries on them by noun. Functions here never commit; their caller does."""
