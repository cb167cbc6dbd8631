"""How many rows a run was about; unknown of those that were judged before.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("verdicts", sa.Column("rows", sa.BigInteger(), nullable=True))
