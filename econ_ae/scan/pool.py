"""Workers of a scan: processes on this machine, or a Dask cluster, behind one interface."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager

from econ_ae.errors import TrainingError
from econ_ae.scan.config import DaskConfig


@contextmanager
def executor(workers: int, dask: DaskConfig | None) -> Iterator[Executor]:
    """An executor with `workers` workers, closed at the end.

    Args:
        workers: trials at a time.
        dask: Dask options; None: fresh processes on this machine.

    Raises:
        TrainingError: Dask is not installed, or its scheduler does not answer.
    """
    if dask is None:
        pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)
        return
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise TrainingError(
            "running the scan on Dask: package distributed is not installed; install it with the project's extra 'scan', "
            "or leave out the section dask"
        ) from error
    cluster = None
    try:
        if dask.address is None:
            cluster = LocalCluster(
                n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None, memory_limit=0
            )
        client = Client(dask.address or cluster, timeout=dask.timeout)
    except (OSError, ValueError) as error:
        if cluster is not None:
            cluster.close()
        raise TrainingError(f"running the scan on Dask: scheduler {dask.address}: {error}") from error
    try:
        yield client.get_executor(pure=False, retries=0)
    finally:
        client.close()
        if cluster is not None:
            cluster.close()
