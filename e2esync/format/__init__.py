"""The bytes of the stored format: structures only, never a key."""
