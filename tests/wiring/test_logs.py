"""What the daemon writes of itself, by a process of its own: logging is one for all that runs in a process."""

import subprocess
import sys

PROGRAM = """
import logging, sys
from pathlib import Path
from e2esync.wiring.logs import log_to

log_to(Path(sys.argv[1]))
logging.getLogger("e2esync.daemon").info("ours")
logging.getLogger("watchdog.observers.inotify").warning("cannot look at /secret")
logging.getLogger("fsevents").error("cannot look at /secret")
logging.getLogger("another").warning("theirs")
"""


def test_what_libraries_say_of_paths_goes_nowhere(tmp_path):
    log = tmp_path / "log"
    done = subprocess.run([sys.executable, "-c", PROGRAM, log], capture_output=True, text=True, check=True)
    assert log.read_text().endswith("INFO e2esync.daemon: ours\n")
    assert "another" not in log.read_text()
    assert done.stderr == "theirs\n"


DYING = """
import sys, threading
from pathlib import Path
from e2esync.wiring.logs import log_to

def die():
    raise ValueError("/secret")

log_to(Path(sys.argv[1]))
thread = threading.Thread(target=die)
thread.start()
thread.join()
"""


def test_of_a_thread_that_dies_it_is_written_where_and_not_what_the_error_says(tmp_path):
    log = tmp_path / "log"
    done = subprocess.run([sys.executable, "-c", DYING, log], capture_output=True, text=True, check=True)
    assert "a thread has died: ValueError" in log.read_text()
    assert "in die" in log.read_text()
    assert "secret" not in log.read_text() + done.stderr
