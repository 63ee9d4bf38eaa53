"""200 random carts and more, in six currencies."""

import pytest

from tests.prove.conftest import ROUNDS, report
from tests.races.golden import CURRENCIES
from tests.races.test_golden import follow_carts


@pytest.mark.parametrize("seed", range(2, 2 + max(1, ROUNDS // 20)))
@pytest.mark.parametrize("currency", CURRENCIES)
def test_many_carts_have_one_total(browser, run_jobs, mails, street, currency, seed):
    follow_carts(browser, run_jobs, mails, street, currency, 34, seed=seed)
    report(f"One total: 34 random carts in {currency} on page, letter, invoice and at every provider that takes it")
