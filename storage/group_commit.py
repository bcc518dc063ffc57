"""One writer thread, and commits that many visits share.

Callers hand over jobs and await them. The thread takes everything that waits, runs it in one transaction, and answers
all of it after the commit, with one wake-up of the event loop. While a commit is on its way to the disk the next batch
gathers by itself: the busier the store, the larger the batches.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Generic, Protocol, TypeVar

from sqlalchemy.engine import Connection

from engine.errors import StoreError, VisitflowError
from engine.store import StoreFigures
from storage.hot import driver_of

Job = TypeVar("Job")

#: A batch larger than this makes single visits wait too long for their commit.
LARGEST_BATCH = 1000
#: So many jobs are handed over at once: one lock and one wake-up for all of them. More, and thread and loop take turns
#: instead of working side by side (measured with 500 visits in flight: 16 to 64 slower by 5 %, 500 by 12 %).
HANDED_OVER = 125
#: Seconds: a commit in the loop's thread that took longer sends the next ones to the writer's thread for a while.
SLOW, HOLIDAY = 0.005, 1.0


class Database(Protocol):
    """What the writer needs to know of a database."""

    embedded: bool  #: in this process: no server to wait for
    begin: str  #: the statement that begins a writing transaction

    def wait_for_others(self, connection: Connection, patiently: bool) -> None:
        """Set whether a transaction waits until another process has finished writing, or fails at once."""

    def failed(self, error: BaseException) -> bool:
        """Tell whether the database itself failed, as against one job in it."""

    def busy(self, error: BaseException) -> bool:
        """Tell whether another process was writing, so that the same again will do."""


class Request(Generic[Job]):
    """One job and the future that waits for it."""

    __slots__ = ("error", "future", "job", "result")

    def __init__(self, job: Job, future: asyncio.Future[Any]) -> None:
        self.job = job
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = None


class GroupCommit(Generic[Job]):
    """The writer. ``connect`` opens its connection, ``perform`` runs a batch inside the open transaction.

    ``perform`` sets each request's ``result``; when it raises, the whole batch is rolled back and, unless the database
    itself failed, each job is run again by itself, so that one bad job does not take the others down.

    A job that comes alone while the writer has nothing to do, on an embedded database, is committed at once by the
    event loop's own thread: on a fast disk the commit takes less time than waking another thread twice. After a slow
    one the thread does the work for a while, so that a slow disk never holds up the loop.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        database: Database,
        perform: Callable[[Connection, Sequence[Request[Job]]], None],
        figures: StoreFigures,
        fault: Callable[[str], None] | None = None,
    ) -> None:
        """``fault`` is called at the points "before_commit" and "after_commit"; tests make it raise."""
        self._connect = connect
        self._database = database
        self._perform = perform
        self._figures = figures
        self._fault = fault or (lambda _point: None)
        self._queue: queue.SimpleQueue[list[Request[Job]] | None] = queue.SimpleQueue()
        self._gathering: list[Request[Job]] = []
        self._thread: threading.Thread | None = None
        self._connection: Connection | None = None
        self._closed = False
        self._writing = threading.Lock()  # whoever holds it has the connection
        self._slow_until = 0.0

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="visitflow-writer", daemon=True)
        self._thread.start()

    async def close(self) -> None:
        """Write what is queued, then stop."""
        if self._thread is not None and not self._closed:
            self._closed = True
            if self._gathering:
                self._hand_over()
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)

    async def submit(self, job: Job) -> Any:
        """Run ``job``; on return it is durable. Raises StoreError, or what the job itself refuses with."""
        if self._closed:
            raise StoreError("the store is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._gathering.append(Request(job, future))
        if len(self._gathering) >= HANDED_OVER:
            self._hand_over()
        elif len(self._gathering) == 1:
            loop.call_soon(self._hand_over)
        self._figures.waiting += 1
        try:
            return await future
        finally:
            self._figures.waiting -= 1

    def _hand_over(self) -> None:
        gathered, self._gathering = self._gathering, []
        if len(gathered) == 1 and self._database.embedded and self._commit_here(gathered):
            _resolve(gathered)
        elif gathered:
            self._queue.put(gathered)

    def _commit_here(self, alone: list[Request[Job]]) -> bool:
        """Commit one job in this thread, if the disk is fast and nobody else writes; tell whether that was done."""
        began = time.monotonic()
        if began < self._slow_until or not self._queue.empty() or not self._writing.acquire(blocking=False):
            return False
        try:
            self._database.wait_for_others(self._connected(), False)
            failure = self._try(alone)
            if failure is not None and self._database.busy(failure):  # the thread can wait, the loop must not
                alone[0].error = None
                self._figures.failed -= 1  # nothing failed: it is done in a moment
                self._slow_until = began + HOLIDAY
                return False
        except Exception:  # no connection: the thread will say so
            return False
        finally:
            self._writing.release()
        if time.monotonic() - began > SLOW:
            self._slow_until = began + HOLIDAY
        return True

    # -- in the thread
    def _run(self) -> None:
        while True:
            first = self._queue.get()
            batch: list[Request[Job]] = []
            ending = first is None
            if first is not None:
                batch.extend(first)
            while len(batch) < LARGEST_BATCH and not ending:
                try:
                    following = self._queue.get_nowait()
                except queue.Empty:
                    break
                if following is None:
                    ending = True
                    break
                batch.extend(following)
            if batch:
                with self._writing:
                    self._commit(batch)
                _answer(batch)
            if ending:
                with self._writing:
                    self._disconnect()
                return

    def _commit(self, batch: list[Request[Job]]) -> None:
        failure = self._try(batch)
        if failure is None or len(batch) == 1 or self._database.failed(failure):
            return
        # One job was refused (a stale lease, say) and took the others down with it: each for itself, then.
        for request in batch:
            request.result, request.error = None, None
            self._try([request])

    def _try(self, batch: list[Request[Job]]) -> Exception | None:
        """Run and commit ``batch``; on failure roll back, set the error on every request, and return its cause."""
        began = time.monotonic()
        try:
            connection = self._connected()
            self._database.wait_for_others(connection, threading.current_thread() is self._thread)
            with self._transaction(connection):
                self._perform(connection, batch)
                self._fault("before_commit")
            self._fault("after_commit")
        except Exception as error:  # whatever the driver raises: the batch is not durable, and must be told so
            told: Exception = error
            if not isinstance(error, VisitflowError):
                self._disconnect()
                self._figures.failed += 1
                told = StoreError(f"the write failed: {_brief(error)}")
            for request in batch:
                request.result, request.error = None, told
            return error
        self._figures.commits += 1
        self._figures.largest_batch = max(self._figures.largest_batch, len(batch))
        self._figures.batches.add(len(batch))
        self._figures.commit_seconds.add(time.monotonic() - began)
        return None

    @contextmanager
    def _transaction(self, connection: Connection) -> Iterator[None]:
        """Begin, and commit or roll back, by the driver itself: SQLAlchemy's own way costs as much as the commit."""
        driver = driver_of(connection)
        driver.execute(self._database.begin)
        try:
            yield
        except BaseException:
            with suppress(Exception):  # the database may have rolled back by itself, or be gone
                driver.execute("ROLLBACK")
                _forget(connection)
            raise
        driver.execute("COMMIT")
        _forget(connection)

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def _disconnect(self) -> None:
        """Drop the connection: after a failure nobody knows in which condition it is."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.invalidate()
                connection.close()
            except Exception:  # noqa: S110 - it is being thrown away because it failed
                pass


def _forget(connection: Connection) -> None:
    """Let SQLAlchemy know that its transaction, if some job began one, is over."""
    if connection.in_transaction():
        connection.commit()


def _brief(error: BaseException) -> str:
    """Return the driver's own words without the statement and its parameters, which hold identities."""
    original = getattr(error, "orig", None) or error
    return f"{type(original).__name__}: {str(original).splitlines()[0][:200] if str(original) else ''}"


def _answer(batch: Sequence[Request[Any]]) -> None:
    """Resolve the futures of a batch, with one wake-up for each event loop."""
    loops: dict[asyncio.AbstractEventLoop, list[Request[Any]]] = {}
    for request in batch:
        loops.setdefault(request.future.get_loop(), []).append(request)
    for loop, requests in loops.items():
        try:
            loop.call_soon_threadsafe(_resolve, requests)
        except RuntimeError:  # the loop is closed: nobody waits any more
            continue


def _resolve(requests: Sequence[Request[Any]]) -> None:
    for request in requests:
        if request.future.done():  # the caller was cancelled; what it wrote is durable all the same
            continue
        if request.error is not None:
            request.future.set_exception(request.error)
        else:
            request.future.set_result(request.result)
