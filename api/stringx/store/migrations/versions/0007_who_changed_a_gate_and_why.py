"""Who asked for a version of a gate, and why; versions cannot be changed.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

# Whatever connects to the database: a verdict shows the version that it was judged by, as it was then.
_REFUSE = """
create function gate_versions_are_only_appended() returns trigger language plpgsql as $$
begin
    raise exception 'versions of gates are appended, never changed or deleted' using errcode = 'restrict_violation';
end
$$
"""
_ON_CHANGE = """
create trigger gate_versions_are_only_appended before update or delete or truncate on gate_versions
for each statement execute function gate_versions_are_only_appended()
"""


def upgrade() -> None:
    op.add_column("gate_versions", sa.Column("author", sa.Text(), nullable=True))
    op.add_column("gate_versions", sa.Column("message", sa.Text(), nullable=True))
    op.execute(_REFUSE)
    op.execute(_ON_CHANGE)
