"""Many machines: a cluster hears, this machine decides and writes.

`hear` is the function that any engine can call; `dask_executor` calls it through Dask.
"""
