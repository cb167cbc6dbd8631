"""How many rows a run is about, and whether its slice fits the table: asked of dbt's adapter, where `row_count` asks Postgres."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from stringx.runner import row_count
from stringx.runner.replay_session import Question, ReplaySession, Unanswered
from stringx.runner.row_count import SliceDoesNotFit, Uncounted


class AdapterCount:
    """Counts the rows of `relation` for which all conditions hold; each comes with the column that it is about."""

    def __init__(
        self,
        session: ReplaySession,
        relation: str,
        conditions: Sequence[tuple[str, str]],
        *,
        limit_seconds: Callable[[], float],
        shown: Callable[[BaseException], str],
    ) -> None:
        """`limit_seconds`: of the next question. `shown`: of a driver's error, what may be told."""
        self._session = session
        self._relation = relation
        self._conditions = conditions
        self._limit_seconds = limit_seconds
        self._shown = shown

    def rows(self, *, table: str, ask_for_any: bool) -> int:
        """Raises SliceDoesNotFit, naming `table`, and Uncounted; with `ask_for_any` only after one row was asked for, if time ran out."""
        try:
            return self._asked(row_count.count_sql(self._relation, self._conditions))
        except Unanswered as error:
            if not error.over_limit:
                self._find_misfit(table)
                raise Uncounted(self._reason(error)) from error
            if ask_for_any:
                if not self._any([condition for _, condition in self._conditions]):
                    return 0
                raise Uncounted(self._reason(error), has_rows=True) from error
            raise Uncounted(self._reason(error)) from error

    def _any(self, conditions: Sequence[str]) -> bool:
        try:
            return bool(self._asked(row_count.any_sql(self._relation, conditions)))
        except Unanswered as error:
            raise Uncounted(self._reason(error)) from error

    def _find_misfit(self, table: str) -> None:
        """SliceDoesNotFit where it is the slice: drivers have no common code for a missing column, or for a value of another type."""
        self._any([])
        for column, condition in self._conditions:
            try:
                # Unlike in Postgres a row is looked for: DuckDB reads a value as the column's type only when it meets a row.
                self._asked(row_count.any_sql(self._relation, [condition]))
            except Unanswered as error:
                if not error.over_limit:
                    raise SliceDoesNotFit(row_count.misfit(table, column, self._reason(error))) from error

    def _asked(self, sql: str) -> int:
        """The number that is the only value, or 0 where there is no row. Raises Unanswered."""
        (answer,) = self._session.ask([Question(sql, limit_seconds=self._limit_seconds())])
        match answer.rows:
            case ():
                return 0
            case ((int(number),),):
                return number
        raise Unanswered("the count of the rows is no number")

    def _reason(self, error: Unanswered) -> str:
        return str(error) if error.__cause__ is None or error.over_limit else self._shown(error.__cause__)
