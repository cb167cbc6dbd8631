"""Which dbt project each replica of a runner has in charge, and since when its runner has had it.

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "runner_projects",
        sa.Column("runner", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("came_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.ForeignKeyConstraint(
            ["runner", "address"],
            ["runner_replicas.runner", "runner_replicas.address"],
            name="fk_runner_projects_runner",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("runner", "address", "target", name="pk_runner_projects"),
    )
