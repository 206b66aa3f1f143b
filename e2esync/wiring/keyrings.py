"""Whether this system has a keyring that keeps something."""

from __future__ import annotations


def keyring_works() -> bool:
    """Return whether a real backend was found; nothing is stored to find out."""
    try:
        import keyring

        return float(keyring.get_keyring().priority) >= 1
    except Exception:  # noqa: BLE001 - backends fail in every way; then there is none
        return False
