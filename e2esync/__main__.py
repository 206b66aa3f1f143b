"""`python -m e2esync`."""

from e2esync.cli.main import run

run()
