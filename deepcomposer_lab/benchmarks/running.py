"""Running a benchmark: work shared by processes, and how far it is."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any, TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")
Progress = Callable[[int, int, str], None]  # (done, total, what)


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def counted(progress: Progress | None, total: int) -> Callable[[str], None]:
    """Return a function that tells `progress` of one more part done, of so many."""
    done = 0

    def tell(what: str) -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total, what)

    return tell


def shared_out(
    tasks: Mapping[Job, Any],
    *,
    workers: int,
    alone: Callable[[Any], Result],
    start: Callable[..., None],
    arguments: tuple[Any, ...],
    work: Callable[[Any], Result],
    done: Callable[[Job], None],
) -> dict[Job, Result]:
    """Do all tasks, and return what came of each.

    Parameters
    ----------
    tasks : mapping of job to task
        A task is sent to a process, so it can be pickled; a job names it.
    workers : int
        How many processes; with 1 this one does it all.
    alone : callable (task)
        Does a task in this process.
    start, arguments, work : callable (*arguments), tuple, callable (task)
        Called once in every process, and then with every task. Functions of a module.
    done : callable (job)
        Told of each, in the order in which they end.
    """
    found: dict[Job, Result] = {}
    if workers <= 1:
        for job, task in tasks.items():
            found[job] = alone(task)
            done(job)
        return found
    # Spawned, not forked: a forked process may inherit torch's locks in whatever state they are.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=start, initargs=arguments) as pool:
        futures = {pool.submit(work, task): job for job, task in tasks.items()}
        try:
            for future in as_completed(futures):
                found[futures[future]] = future.result()
                done(futures[future])
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return found
