"""Test vectors of docs/format.md: one scenario a file, and what makes them."""
