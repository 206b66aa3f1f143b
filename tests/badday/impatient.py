"""The program as it is, but with short patience: what takes minutes on a bad day takes seconds here.

Told by the environment: BADDAY_READ_TIMEOUT (seconds without a byte), BADDAY_PEAK (a file that gets the
peak of resident memory, in KiB; of this process image only, which `ru_maxrss` is not).
"""

import atexit
import os
import sys
from functools import partial
from pathlib import Path

from e2esync.adapters.stores import retrying, s3
from e2esync.cli.main import run


def tell_peak(file: Path) -> None:
    status = Path("/proc/self/status").read_text()
    file.write_text(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))


def main() -> None:
    retrying.RetryPolicy = partial(retrying.RetryPolicy, first=0.02, longest=0.05)  # type: ignore[misc, assignment]
    s3._CONNECT_TIMEOUT = s3._READ_TIMEOUT = float(os.environ.get("BADDAY_READ_TIMEOUT", "1"))  # type: ignore[assignment]
    atexit.register(tell_peak, Path(os.environ["BADDAY_PEAK"]))
    run()


if __name__ == "__main__":
    sys.exit(main())  # type: ignore[func-returns-value]
