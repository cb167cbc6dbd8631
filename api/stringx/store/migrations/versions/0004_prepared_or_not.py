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


# This and the next migrations change these tables in one transaction, beside processes that may be at work. Some of their statements
# lock `triggers` before `verdicts`, others after: no order of ours is safe against both. So all are taken at once, and given up again
# before somebody whom we keep waiting would be told of a deadlock (Postgres's `deadlock_timeout` is 1 s).
_LOCK = """
do $$
declare
    before text := current_setting('lock_timeout');
begin
    loop
        begin
            perform set_config('lock_timeout', '300ms', true);
            lock table triggers, verdicts, dead_letters in access exclusive mode;
            exit;
        exception when lock_not_available then
            perform pg_sleep(0.1);
        end;
    end loop;
    perform set_config('lock_timeout', before, true);
end
$$
"""


def upgrade() -> None:
    op.execute(_LOCK)
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
