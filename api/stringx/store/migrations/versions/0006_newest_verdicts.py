"""The newest verdicts are found by their time.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_index("ix_verdicts_judged_at", "verdicts", ["judged_at"], postgresql_using="brin")
