"""The DataOps runner: dbt in warm worker processes behind a small HTTP API. It alone reads the data."""
