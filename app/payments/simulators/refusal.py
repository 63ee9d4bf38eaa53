"""How a simulator says no. Each provider has its own shape for it; a person at a button needs only the sentence."""


class Refusal(Exception):
    status = 400
