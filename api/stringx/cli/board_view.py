"""A board of verdicts as it fills up: redrawn in place while it fits the terminal, else a line for each verdict as it comes."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.live import Live

from stringx.cli.verdict_board import VerdictBoard
from stringx.model import Acknowledgement


class BoardView:
    """Within the block verdicts are shown as they come; at its end the whole table, however high, stays where it can be scrolled to."""

    def __init__(self, board: VerdictBoard, console: Console, say: Callable[[str], None]) -> None:
        self._board = board
        self._console = console
        self._say = say
        self._told: list[Acknowledgement] = []
        self._live: Live | None = None

    def __enter__(self) -> BoardView:
        if self._fits():
            self._live = Live(self._board.table(), console=self._console, auto_refresh=False, transient=True)
            self._live.start(refresh=True)
        return self

    def show(self, answer: Acknowledgement) -> None:
        """What the board has just taken."""
        self._told.append(answer)
        if self._live is not None and self._fits():
            self._live.update(self._board.table(), refresh=True)
        elif self._live is not None:  # it has grown too high, and would lose its end
            self._erase()
            for earlier in self._told:
                self._say(self._board.line(earlier))
        else:
            self._say(self._board.line(answer))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._erase()
        self._console.print(self._board.table(), crop=False, no_wrap=True, overflow="ignore")

    def _fits(self) -> bool:
        return self._console.is_terminal and len(self._console.render_lines(self._board.table())) < self._console.height

    def _erase(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
