"""Hints of what changes in the synced folder. They are never the truth: that is the scan.

`watch` is for Linux, `portable` for the other systems: each can be imported only where its means are.
"""
