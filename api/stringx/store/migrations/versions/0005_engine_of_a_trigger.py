"""The engine that a trigger asks for.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("triggers", sa.Column("engine", sa.Text(), nullable=True))
