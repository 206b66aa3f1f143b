"""The 24 recovery words, and what is derived from them (format §3.1, §3.2).

The words are BIP39's, of which the list and the checksum are used and nothing else. People write
them down and type them again, so that reading is lenient in form and exact in content.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from functools import cache

from mnemonic import Mnemonic

from e2esync.crypto.asymmetric import HPKE_SEED_SIZE, HpkeKey, SigningKey
from e2esync.crypto.labels import Purpose, label
from e2esync.crypto.secrets import Entropy, derive
from e2esync.errors import WordsError

WORD_COUNT = 24
_MOST_NAMED = 3  # mistyped words that one error names
_NUMBERING = re.compile(r"^\d{1,2}[.):]?(?=$|[a-z])")
_SAFETY_DIGITS, _SAFETY_GROUP = 40, 5


@cache
def _list() -> Mnemonic:
    return Mnemonic("english")


def generate() -> Entropy:
    """Return the entropy of new words."""
    return Entropy.generate()


def to_words(entropy: Entropy) -> tuple[str, ...]:
    """Return the 24 words that spell this entropy."""
    return tuple(_list().to_mnemonic(entropy.reveal()).split(" "))


def from_words(text: str) -> Entropy:
    """Return the entropy that the words spell.

    Case, white space, numbering ("1." or "1)") and lines that start with `#` do not matter.

    Raises:
        WordsError: A word is not in the list, there are not 24, or the checksum does not fit.
    """
    words = _split(text)
    unknown = [position for position, word in enumerate(words, 1) if word not in _list().wordlist]
    if unknown:
        raise WordsError(
            "; ".join(_unknown(position, words[position - 1]) for position in unknown[:_MOST_NAMED])
        )
    if len(words) != WORD_COUNT:
        raise WordsError(f"there are {len(words)} words, and a recovery phrase has {WORD_COUNT}")
    try:
        return Entropy(bytes(_list().to_entropy(list(words))))
    except ValueError:
        raise WordsError(
            "the words do not belong together",
            why="each is in the list, but the checksum does not fit: one is another word, or the order is not right",
        ) from None


def _split(text: str) -> list[str]:
    lines = [line for line in text.lower().splitlines() if not line.lstrip().startswith("#")]
    tokens = (_NUMBERING.sub("", token) for token in " ".join(lines).split())
    return [token for token in tokens if token]


def _unknown(position: int, word: str) -> str:
    near = difflib.get_close_matches(word, _list().wordlist, n=3, cutoff=0.6)
    hint = f"; near it are: {', '.join(near)}" if near else ""
    return f"word {position} is not in the list of recovery words{hint}"


def root_key(entropy: Entropy) -> SigningKey:
    """Return the key that signs cards (format §3.1)."""
    return SigningKey(derive(entropy, Purpose.ROOT_SIGNING))


def recovery_key(entropy: Entropy) -> HpkeKey:
    """Return the key to which the secrets of a person are wrapped (format §3.1)."""
    return HpkeKey(derive(entropy, Purpose.RECOVERY_HPKE, HPKE_SEED_SIZE))


def fingerprint(root_public: bytes, recovery_public: bytes) -> bytes:
    """Return the 32 bytes that name a person for ever (format §3.2)."""
    return hashlib.sha256(label(Purpose.FINGERPRINT) + root_public + recovery_public).digest()


def safety_number(fingerprint: bytes) -> str:
    """Return what two people compare: eight groups of five digits (format §3.2)."""
    digits = f"{int.from_bytes(fingerprint, 'big') % 10**_SAFETY_DIGITS:0{_SAFETY_DIGITS}d}"
    return " ".join(digits[i : i + _SAFETY_GROUP] for i in range(0, _SAFETY_DIGITS, _SAFETY_GROUP))
