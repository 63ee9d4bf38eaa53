"""Passwords: which are good enough, how they are kept, how one is compared."""

import functools
import unicodedata
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.lib.errors import Invalid
from app.lib.tokens import random_token

SHORTEST = 8
LONGEST = 1000  # characters; longer is nobody's password, and hashing it costs us

# OWASP's floor for argon2id: 19 MiB, 2 passes, 1 lane. When raised, each sign-in brings a hash up to it.
HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def hashed(password: str) -> str:
    return HASHER.hash(_same_everywhere(password))


# Compared with when there is no account, so that an unknown address takes as long as a known one.
NOBODY = HASHER.hash(random_token())


def is_right(kept: str | None, password: str) -> bool:
    """Whether `password` is the one `kept` was made from; takes the same time when nothing is kept."""
    try:
        return HASHER.verify(kept or NOBODY, _same_everywhere(password)) and kept is not None
    except (VerificationError, InvalidHashError):
        return False


def is_dated(kept: str) -> bool:
    """Whether `kept` was made with weaker parameters than today's."""
    return HASHER.check_needs_rehash(kept)


def refuse_weak(password: str, email: str = "") -> None:
    """Raises Invalid when the password is too short, too long, or among the first anybody would guess."""
    if len(password) < SHORTEST:
        raise Invalid(f"Use at least {SHORTEST} characters.", field="password")
    if len(password) > LONGEST:
        raise Invalid(f"Use at most {LONGEST} characters.", field="password")
    plain = password.casefold()
    is_own_name = bool(email) and plain in (email, email.partition("@")[0])
    if is_own_name or len(set(plain)) == 1 or plain in _common():
        raise Invalid("Many people use this password, so it is quickly guessed. Choose another.", field="password")


@functools.cache
def _common() -> frozenset[str]:
    lines = Path(__file__).with_name("common_passwords.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))


def _same_everywhere(password: str) -> str:
    """Keyboards write the same letter in different code points; NFKC makes them one (RFC 8265)."""
    return unicodedata.normalize("NFKC", password)
