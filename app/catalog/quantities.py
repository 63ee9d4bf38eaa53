"""How many of a variant may be bought at once: at least, at most, in steps; and the sentence for any other number."""

from dataclasses import dataclass

MOST = 999  # units of one cart line


@dataclass(frozen=True, slots=True)
class Quantities:
    """`least` or more, `most` or fewer (none: MOST), in multiples of `step`."""

    least: int = 1
    most: int | None = None
    step: int = 1

    @property
    def lowest(self) -> int:
        """The smallest quantity there is."""
        return -(-self.least // self.step) * self.step

    def highest(self, available: int) -> int:
        """The largest quantity while so many can be had; 0 when even the smallest is too many."""
        most = min(available, MOST if self.most is None else self.most, MOST)
        fitting = most // self.step * self.step
        return fitting if fitting >= self.lowest else 0

    def fit(self, quantity: int, available: int) -> int:
        """The nearest quantity that is possible: not above `quantity`, unless that is below the smallest."""
        return min(self.highest(available), max(self.lowest, quantity // self.step * self.step))

    def allows(self, quantity: int) -> bool:
        """Whether it may be bought at all, however many there are."""
        return self.lowest <= quantity <= self.highest(MOST) and quantity % self.step == 0

    def refusal(self, name: str, quantity: int) -> str:
        """What is possible instead of a quantity that is not allowed, as a sentence; empty when it is allowed."""
        if self.allows(quantity):
            return ""
        limit = self.highest(MOST)
        if quantity > limit:
            return f"At most {limit} of {name} in one order."
        if quantity < self.lowest:
            steps = f", in steps of {self.step}" if self.step > 1 else ""
            return f"{name} is sold from {self.lowest} up{steps}."
        below = quantity // self.step * self.step
        above = below + self.step
        possible = f"{below} or {above}" if above <= limit else f"{below}"
        return f"{name} is sold in steps of {self.step}: choose {possible}."
