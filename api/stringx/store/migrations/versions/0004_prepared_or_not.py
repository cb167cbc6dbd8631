"""Why a run was not prepared; what the replicas of runners say of themselves.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("verdicts", sa.Column("unprepared", JSONB(), nullable=True))
    op.create_table(
        "runner_replicas",
        sa.Column("runner", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("status", JSONB(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("runner", "address", name="pk_runner_replicas"),
    )
