"""Gates that were withdrawn; the trace state of a trigger.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("gates", sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("triggers", sa.Column("tracestate", sa.Text(), nullable=True))
