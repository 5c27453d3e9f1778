"""Many requests at a time behind a synchronous face."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence

__all__ = ["each", "each_as_it_comes", "each_in_threads", "in_lanes"]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_LETTING_GO_S = 0.02


def each(items: Sequence[_Item], act: Callable[[_Item], Awaitable[_Result]], workers: int) -> list[_Result]:
    """Await ``act`` on every item, ``workers`` at a time; on the first error no more is begun, and it is raised.

    May be called where an event loop runs already, as in a notebook.
    """
    return _run(_each(items, act, min(workers, len(items))))


async def _all_of(items: Iterator[_Item], act: Callable[[_Item], Awaitable[object]], workers: int) -> None:
    """Let several workers act until there are no items; when one fails, the others end what they have begun.

    A request that is given up may be carried out all the same, after whoever sent it has looked what there is to take back.
    """
    failures: list[Exception] = []

    async def work() -> None:
        while not failures:
            try:
                item = next(items)
            except StopIteration:
                return
            except Exception as exc:  # noqa: BLE001 - raised when all have ended
                failures.append(exc)
                return
            try:
                await act(item)
            except Exception as exc:  # noqa: BLE001 - as above
                failures.append(exc)

    tasks = [asyncio.ensure_future(work()) for _ in range(workers)]
    try:
        await asyncio.gather(*tasks)
    except BaseException:  # an interrupt: nothing is waited for
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
    if failures:
        # Obstore's threads hold on to the request for a moment, and a process that ends before they let go is aborted (seen in 0.12).
        await asyncio.sleep(_LETTING_GO_S)
        raise failures[0]


async def _each(items: Sequence[_Item], act: Callable[[_Item], Awaitable[_Result]], workers: int) -> list[_Result]:
    results: dict[int, _Result] = {}

    async def keep(place: tuple[int, _Item]) -> None:
        results[place[0]] = await act(place[1])

    await _all_of(iter(enumerate(items)), keep, workers)
    return [results[index] for index in range(len(items))]


def each_as_it_comes(items: Iterator[_Item], act: Callable[[_Item], Awaitable[object]], workers: int) -> None:
    """As `each`, for items that are made only when there is a worker for them; nothing is kept."""

    async def run() -> list[object]:
        await _all_of(items, act, workers)
        return []

    _run(run())


def _run(work: Coroutine[object, object, list[_Result]]) -> list[_Result]:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def each_in_threads(items: Sequence[_Item], act: Callable[[_Item], _Result], workers: int) -> list[_Result]:
    """As `each`, for a blocking ``act``."""
    results: dict[int, _Result] = {}

    def act_on(place: int) -> None:
        results[place] = act(items[place])

    in_lanes(act_on, len(items), workers)
    return [results[place] for place in range(len(items))]


def in_lanes(act: Callable[[int], object], count: int, lanes: int) -> None:
    """Act on 0 to ``count``, in so many threads that each take the next number; when this raises, nothing goes on any more.

    There is nothing to keep for each number, so that a million of them cost no more memory than one.
    """
    numbers = iter(range(count))
    if min(count, lanes) <= 1:
        for number in numbers:
            act(number)
        return
    failures: list[BaseException] = []
    threads = [threading.Thread(target=_lane, args=(act, numbers, failures)) for _ in range(min(count, lanes))]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except BaseException as exc:
        failures.append(exc)
        for thread in threads:
            thread.join()
        raise
    if failures:
        raise failures[0]


def _lane(act: Callable[[int], object], numbers: Iterator[int], failures: list[BaseException]) -> None:
    """Act on the next number until there is none, or anything failed."""
    for number in numbers:
        if failures:
            return
        try:
            act(number)
        except BaseException as exc:  # noqa: BLE001 - raised by who waits
            failures.append(exc)
