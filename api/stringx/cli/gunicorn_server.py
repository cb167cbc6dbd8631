"""gunicorn as a library: one worker process of threads in front of an application that is built within it.

The master stays while workers come and go, and holds the listening socket: a worker that is killed is replaced without a
refused connection. SIGTERM and SIGINT end it with exit code 0 once the worker has finished its requests.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from types import FrameType
from typing import Any

from gunicorn import util
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from gunicorn.http import errors
from gunicorn.workers.gthread import ThreadWorker

from stringx import http_problems
from stringx.errors import Malformed
from stringx.http_problems import Problem

#: How long a worker may take to build its application, or not come round, before it is replaced.
STUCK_SECONDS = 120
#: Of a request's first line, which holds the address with its query: as long as gunicorn takes one.
LONGEST_LINE_BYTES = 8190


@dataclass(frozen=True)
class Built:
    """An application, and what it stands in front of."""

    wsgi: Any
    #: called when the worker is to end, while requests still run: those that wait for something are to answer now; never blocks
    close: Callable[[], None]
    #: called after the last request, with the seconds that it may take
    finish: Callable[[float], object]


class _OurLogs(Logger):  # type: ignore[misc]  # gunicorn is not typed
    """gunicorn's messages go where all others go, in their format."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for logger in (self.error_log, self.access_log):
            logger.handlers.clear()
            logger.propagate = True


class _Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn is not typed
    """Refuses what never becomes a request as the application refuses requests."""

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        problem = _problem_of(exc)
        if problem is None:
            super().handle_error(req, client, addr, exc)
            return
        self.log.warning("request refused: %s", problem.detail)
        body = http_problems.body_of(problem).encode()
        head = (
            f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}\r\nConnection: close\r\n"
            f"Content-Type: {http_problems.CONTENT_TYPE}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        try:
            util.write_nonblock(client, head.encode() + body)
        except OSError:
            self.log.debug("the client is gone")


def _problem_of(error: BaseException) -> Problem | None:
    """What is wrong with a request that could not be read; None where it is something else."""
    match error:
        case errors.LimitRequestLine():
            detail = f"the address is too long: with its query, the request's line may have {LONGEST_LINE_BYTES} bytes"
            return Problem(HTTPStatus.REQUEST_URI_TOO_LONG, "uri_too_long", detail)
        case errors.LimitRequestHeaders():
            return Problem(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large", f"the headers are too large: {error}")
        case errors.InvalidResponseHeader() | errors.InvalidResponseHeaderName():
            return None  # the application's own
        case errors.ParseException():
            return Problem(HTTPStatus.BAD_REQUEST, Malformed.code, f"is no HTTP request: {error}")
        case _:
            return None


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn is not typed
    def __init__(self, build: Callable[[], Built], options: dict[str, Any]) -> None:
        self._build = build
        self._options = options
        self.built: Built | None = None
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Called within the worker process, before it has threads."""
        self.built = self._build()
        return self.built.wsgi


def serve(build: Callable[[], Built], *, host: str, port: int, threads: int, grace_seconds: float, keep_alive_seconds: int = 2) -> None:
    """Serves until a signal; `build` is called in each worker, before its first thread. Raises SystemExit when it ends.

    `keep_alive_seconds`: how long a connection that rests is kept; each counts among those that can be there at a time.
    """

    def close_service_first(worker: ThreadWorker) -> None:
        def ended(number: int, frame: FrameType | None) -> None:
            if server.built is not None:
                server.built.close()
            worker.handle_exit(number, frame)

        signal.signal(signal.SIGTERM, ended)

    def finish_service(_master: Any, _worker: ThreadWorker) -> None:
        if server.built is not None:
            server.built.close()
            server.built.finish(grace_seconds)

    server = _Server(
        build,
        {
            "bind": f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
            "workers": 1,
            "worker_class": _Worker,
            "limit_request_line": LONGEST_LINE_BYTES,
            "threads": threads,
            "keepalive": keep_alive_seconds,
            "timeout": STUCK_SECONDS,
            # The master kills the worker then; `finish_service` must have had its time.
            "graceful_timeout": int(2 * grace_seconds) + 2,
            "control_socket_disable": True,
            "logger_class": _OurLogs,
            "post_worker_init": close_service_first,
            "worker_exit": finish_service,
        },
    )
    server.run()
