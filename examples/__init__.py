"""Small programs that use e2esync as a library."""
