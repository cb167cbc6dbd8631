"""What dbt and its database have said, as it is told."""

from __future__ import annotations


def words(error: Exception) -> str:
    """Theirs, in one line."""
    return " ".join(str(getattr(error, "msg", None) or error).split())


def unanswered(target: str, error: Exception) -> str:
    """Why a question has no answer, and what to look at."""
    return f"the database of {target} did not answer; see that it is up, and that the dbt profile is right: {words(error)}"
