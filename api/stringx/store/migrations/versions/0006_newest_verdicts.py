"""The newest verdicts and dead letters are found by their time.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_index("ix_verdicts_judged_at", "verdicts", ["judged_at"], postgresql_using="brin", postgresql_with={"autosummarize": "on"})
    op.create_index(
        "ix_dead_letters_received_at", "dead_letters", ["received_at"], postgresql_using="brin", postgresql_with={"autosummarize": "on"}
    )
