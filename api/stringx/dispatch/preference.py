"""Which replica a run is left to while those of its runner have different dbt projects: the one with the newest, while it has room.

A verdict by an earlier project is what anybody would have had a moment ago, and better than none: where the replicas with a newer one
are full, away, or slow to answer, the others take the runs. With equal projects nobody leaves anything to anybody.
"""

from __future__ import annotations

from collections.abc import Iterable

from stringx.dispatch.replica import Replica


def newer_at(replica: Replica, *, than: Replica) -> frozenset[str]:
    """The targets of which `replica` has a newer project in charge than another."""
    others = than.projects
    return frozenset(target for target, project in replica.projects.items() if project.newer_than(others.get(target)))


def left_to(peers: Iterable[Replica], replica: Replica) -> dict[Replica, frozenset[str]]:
    """The targets whose runs `replica` leaves to one of its peers now, which has a newer project of theirs, and room."""
    left = {}
    for peer in peers:
        # Asked first: with equal projects, the usual, nothing else is looked at.
        newer = newer_at(peer, than=replica)
        if newer and not peer.slow and (room := peer.room()) is not None and (taken := newer & room.targets):
            left[peer] = taken
    return left
