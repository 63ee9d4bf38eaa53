"""The same proofs for longer. `make prove ROUNDS=100` runs them; without ROUNDS they are not even collected."""

import os

ROUNDS = int(os.environ.get("ROUNDS") or 0)

collect_ignore_glob = [] if ROUNDS else ["test_*.py"]

figures: list[str] = []


def report(figure: str) -> None:
    """Have this line printed when everything is over."""
    figures.append(figure)


def pytest_terminal_summary(terminalreporter):
    if figures:
        terminalreporter.section("what was proved")
        for figure in figures:
            terminalreporter.write_line(figure)
