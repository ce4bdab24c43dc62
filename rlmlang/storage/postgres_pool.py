"""PostgreSQL asked from an event loop without blocking it, by a pool of connections.

Each event loop has a pool of its own while something on it uses the store (decision 65). Work whose connection is lost
is done again on another, for some time: a server that is started again ends no run.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import psycopg
from attrs import define
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from rlmlang.storage.database import DatabaseWork, Row, SqlStatement
from rlmlang.storage.postgres_answers import PostgresWork, postgres_sql

T = TypeVar("T")

logger = logging.getLogger("rlmlang")

_library = logging.getLogger("psycopg")
# What it warns of is reported here, once, unless the user has set another level than psycopg itself does.
_library.setLevel(logging.ERROR if _library.level == logging.WARNING else _library.level)

CONNECT_TIMEOUT = 10
"""Seconds that one attempt to connect may take."""

MOST = 4
"""Connections of one pool. A run uses one for each of what it writes, looks up, waits for and renews."""

PATIENCE = 30.0
"""Seconds for which work is tried again that a lost connection, or a server without a free one, has ended."""

_PASSING = ("08", "40", "53300", "57P")
"""How the codes of errors begin that may not come again: lost connections, deadlocks, too many connections, and servers
that are stopped or started."""


@define
class _OpenPool:
    pool: AsyncConnectionPool[psycopg.AsyncConnection[Row]]
    opening: asyncio.Task[None]
    users: int = 0


class PostgresPool:
    """The pools of a store, one for each event loop that uses it now."""

    def __init__(self, place: str | Path, work: PostgresWork) -> None:
        self._place = str(place)
        self.work = work
        self._open: dict[asyncio.AbstractEventLoop, _OpenPool] = {}
        self._is_gone = False
        """Whether the last work was given up: then nothing waits for the server any longer."""

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[AsyncConnectionPool[psycopg.AsyncConnection[Row]]]:
        """The pool of this event loop, which stays open until its last user leaves."""
        loop = asyncio.get_running_loop()
        opened = self._open.get(loop)
        if opened is None:
            pool: AsyncConnectionPool[psycopg.AsyncConnection[Row]] = AsyncConnectionPool(
                self._place, open=False, min_size=0, max_size=MOST, timeout=PATIENCE, reconnect_timeout=PATIENCE,
                configure=_by_keys,
                kwargs={"autocommit": True, "connect_timeout": CONNECT_TIMEOUT},
            )  # fmt: skip
            opened = self._open[loop] = _OpenPool(pool, asyncio.ensure_future(pool.open()))
        opened.users += 1
        try:
            await opened.opening
            yield opened.pool
        finally:
            opened.users -= 1
            if not opened.users:
                del self._open[loop]
                await opened.pool.close()

    async def do(self, make: Callable[[], DatabaseWork[T]]) -> T:
        """Return the result of work, made anew for each attempt. Raises psycopg.Error."""
        async with self.connected() as pool:
            loop = asyncio.get_running_loop()
            end, pause = loop.time() + (0.0 if self._is_gone else PATIENCE), 0.05
            try:
                while True:
                    try:
                        async with pool.connection(timeout=max(0.5, end - loop.time())) as connection:
                            result = await _carried_out(make(), connection)
                        self._is_gone = False
                        return result
                    except PoolTimeout:
                        await self._explain()
                        raise
                    except psycopg.OperationalError as error:
                        if loop.time() > end or not _passes(error):
                            raise
                        if pause == 0.05:
                            logger.warning("the store is asked again: %s", str(error).partition("\n")[0])
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, 1.0)
            except psycopg.OperationalError:
                self._is_gone = True
                raise

    async def _explain(self) -> None:
        """Raise why no connection can be made, if none can be."""
        connection = await psycopg.AsyncConnection.connect(self._place, connect_timeout=CONNECT_TIMEOUT)
        await connection.close()


async def _by_keys(connection: psycopg.AsyncConnection[Row]) -> None:
    """Let rows always be found by their keys (decision 142).

    The server plans a statement once, and a plan that was made while a table was empty would read all of it for long.
    """
    await connection.execute("set enable_seqscan = off")


def _passes(error: psycopg.OperationalError) -> bool:
    """Return whether the same work may succeed a moment later."""
    return error.sqlstate is None or error.sqlstate.startswith(_PASSING)


async def _carried_out(work: DatabaseWork[T], connection: psycopg.AsyncConnection[Row]) -> T:
    try:
        statements = next(work)
        while True:
            statements = work.send(await _rows(statements, connection))
    except StopIteration as end:
        result: T = end.value
        return result


async def _rows(statements: Sequence[SqlStatement], connection: psycopg.AsyncConnection[Row]) -> list[list[Row]]:
    """Execute statements in one round trip, as one transaction."""
    if len(statements) == 1:
        cursors = [await connection.execute(postgres_sql(statements[0][0]), statements[0][1])]
    else:
        async with connection.pipeline():
            cursors = [await connection.execute(postgres_sql(sql), values) for sql, values in statements]
    return [await cursor.fetchall() if cursor.description else [] for cursor in cursors]
