"""Identifier grammar that more than one stage needs: the VIN and its check digit."""

from typing import Final

VIN_LENGTH: Final = 17
_VALUES: Final = dict(zip("0123456789ABCDEFGHJKLMNPRSTUVWXYZ",
                          (*range(10), *range(1, 9), *range(1, 6), 7, 9, *range(2, 10)),
                          strict=True))  # fmt: skip
_WEIGHTS: Final = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def vin_check_digit(vin: str) -> str:
    """Return the ninth character that GB 16735-2019 annex A (ISO 3779) asks of a VIN.

    Raises
    ------
    ValueError
        Where `vin` is not 17 characters of 0-9 and A-Z without I, O and Q.

    >>> vin_check_digit("LDPGABAC2JN361504")
    '2'
    """
    if len(vin) != VIN_LENGTH or any(c not in _VALUES for c in vin):
        raise ValueError(f"a VIN is 17 characters of 0-9 A-Z without I, O, Q; found {vin!r}")
    rest = sum(_VALUES[c] * w for c, w in zip(vin, _WEIGHTS, strict=True)) % 11
    return "X" if rest == 10 else str(rest)


def is_vin(text: str) -> bool:
    """Whether `text` is a VIN whose check digit agrees."""
    return (
        len(text) == VIN_LENGTH
        and all(c in _VALUES for c in text)
        and vin_check_digit(text) == text[8]
    )
