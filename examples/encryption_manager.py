"""Encrypt and decrypt a string with a user's own key pair.

Text goes in and text comes out: the sealed bytes as URL-safe base64, fit for a database column or
a JSON field. Whoever knows the public key only can neither open such a text nor make one that
`decrypt` accepts, since each is signed by the user as well.
"""

from __future__ import annotations

import base64

import e2esync
from e2esync.errors import BadObject


class EncryptionManager:
    """Seals text to one user, and opens what that user sealed."""

    def __init__(self, identity: e2esync.Identity | None = None) -> None:
        """Use the key pair of `identity`; without one, make one that lives as long as this object."""
        self._identity = identity or e2esync.Identity.generate()

    def encrypt(self, text: str) -> str:
        """Return `text` sealed to the user's public key and signed by the user.

        Raises:
            UnicodeEncodeError: `text` holds a lone surrogate, which is no character.
        """
        sealed = e2esync.seal(text.encode(), [self._identity.public], sender=self._identity)
        return base64.urlsafe_b64encode(sealed).decode()

    def decrypt(self, encrypted: str) -> str:
        """Return the text that this user sealed as `encrypted`.

        Raises:
            BadObject: It is damaged, for another user, or was not sealed by this one.
        """
        unsealed = e2esync.unseal(_decode(encrypted), self._identity)
        if unsealed.sender != self._identity.public:
            raise BadObject("this text was sealed by somebody else")
        return unsealed.data.decode()


def _decode(encrypted: str) -> bytes:
    """Return the bytes behind `encrypted`, which must be their one base64 form."""
    try:
        sealed = base64.b64decode(encrypted, altchars=b"-_", validate=True)
    except ValueError as error:
        raise BadObject("this is not a sealed text") from error
    if base64.urlsafe_b64encode(sealed).decode() != encrypted:
        raise BadObject("this is not a sealed text")
    return sealed
