"""Run a command and print its wall time, processor time and peak memory as JSON.

A small process of its own, since ``ru_maxrss`` of a child begins at what its parent held.
"""

import json
import os
import sys
import time

start = time.perf_counter()
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(child, 0)
seconds = time.perf_counter() - start
unit = 1 if sys.platform == "darwin" else 1024
figures = {"seconds": seconds, "cpu": usage.ru_utime + usage.ru_stime}
print(json.dumps({"status": status, **figures, "bytes": usage.ru_maxrss * unit}))
