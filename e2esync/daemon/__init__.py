"""When to run: a folder is watched, and what changes here or in the store is synced a moment later."""
