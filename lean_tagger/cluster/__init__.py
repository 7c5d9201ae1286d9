"""Many machines: a cluster listens, this machine decides and writes.

Any engine can call the function `hear`; `dask_executor` calls it through Dask.
"""
