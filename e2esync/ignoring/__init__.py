"""Which paths are not synced: rules in the syntax of .gitignore, and what they say of a path. Pure."""
