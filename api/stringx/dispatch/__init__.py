"""Dispatch: queued runs are claimed, brought to a runner, and settled. The heart; read it in this order:

`feed` claims runs and submits them to one replica of a runner, `heartbeat` keeps their leases, `collect` fetches finished
reports, `settlement` makes each of them a verdict, `reaper` queues again what nobody holds, `discovery` finds the replicas,
`dispatcher` is all of it as one process.
"""

from stringx.dispatch.settlement import request_cancel, settle

__all__ = ["request_cancel", "settle"]
