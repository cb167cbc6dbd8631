"""Who withdrew a gate and why, each time; of gates that are withdrawn already it is not known.

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_REFUSE = """
create function gate_withdrawals_are_only_appended() returns trigger language plpgsql as $$
begin
    raise exception 'withdrawals of gates are appended, never changed or deleted' using errcode = 'restrict_violation';
end
$$
"""
_ON_CHANGE = """
create trigger gate_withdrawals_are_only_appended before update or delete or truncate on gate_withdrawals
for each statement execute function gate_withdrawals_are_only_appended()
"""


def upgrade() -> None:
    op.create_table(
        "gate_withdrawals",
        sa.Column("version_id", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("author", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["version_id"], ["gate_versions.id"], name=op.f("fk_gate_withdrawals_version_id")),
        sa.PrimaryKeyConstraint("version_id", "withdrawn_at", name=op.f("pk_gate_withdrawals")),
    )
    op.execute(_REFUSE)
    op.execute(_ON_CHANGE)
    op.execute("""
        insert into gate_withdrawals (version_id, withdrawn_at)
        select version_id, withdrawn_at from gates where withdrawn_at is not null
    """)
