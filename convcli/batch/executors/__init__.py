"""Who runs the jobs: this process, a pool of processes, or a Dask cluster."""
