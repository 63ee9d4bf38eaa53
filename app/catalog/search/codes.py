"""What a document's codes mean: a kind in the upper eight bits, an id below, as migration 0004 writes them.

An id has room up to 2^56. A pair of option values has 28 bits for each; a constraint on option_values holds that.
"""

CATEGORY, BRAND, OPTION, PAIR, OPTION_IN_STOCK, PAIR_IN_STOCK, ATTRIBUTE = 1, 2, 3, 4, 5, 6, 7
TAG, PRICE_STEP, IN_STOCK, REDUCED, FEATURED, OWN_CATEGORY = 8, 9, 10, 11, 12, 13
ALL = 0  # in the counts: every product

HIGHEST_STEP = 240  # of prices: more than the largest bigint


def code(kind: int, row_id: int = 1) -> int:
    """The code of a row of this kind."""
    return (kind << 56) + row_id
