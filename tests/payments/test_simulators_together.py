"""All simulators in one process, each under a path of its own, as `make run` starts them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from app.config import load
from app.payments.providers import providers
from app.payments.providers.demo import MemoryDemoStore
from app.payments.simulators.everyone import everyone, invented
from app.payments.simulators.front import Front
from app.payments.simulators.serving import Serving
from app.provision import completed, noted, simulated_providers
from tests.payments.ends import a_request

pytestmark = pytest.mark.pure


@pytest.fixture(scope="module")
def street():
    """Every simulator behind one address, and a shop's settings to pay there."""
    keys = invented("")
    simulators = everyone(keys, "")
    serving = Serving(
        {f"/{name}": one for name, one in simulators.items()}, host="127.0.0.1", port=0, front=Front(simulators, keys)
    )
    address = serving.start()
    keys |= {name: address + value for name, value in keys.items() if name.endswith("_API_BASE")}
    yield address, simulators, keys
    serving.stop()


@pytest.fixture
def desk(street):
    address, simulators, keys = street
    settings = load({"SECRET_KEY": "a-key-for-this-test-0123456789-abcdefghijk", **keys})
    return address, simulators, providers(settings, MemoryDemoStore())


def test_a_payment_opens_on_a_page_under_its_provider_s_path(desk):
    address, _simulators, offered = desk

    step = offered["stripe"].start(a_request())

    assert step.url.startswith(f"{address}/stripe/pay/")
    page = requests.get(step.url, timeout=5).text
    assert f'action="/stripe/pay/{step.provider_ref}"' in page
    paid = requests.post(step.url, {"outcome": "pay"}, allow_redirects=False, timeout=5)
    assert paid.headers["Location"].startswith("http://shop.test/")
    assert offered["stripe"].look_up(a_request().reference, step.provider_ref).state == "paid"


def test_every_provider_is_configured_by_what_the_simulators_print(desk):
    _, simulators, offered = desk

    assert set(offered) == {*simulators, "demo"}
    assert all(offered[name].test for name in simulators)


def test_pages_may_send_forms_to_the_simulators_and_to_nobody_else(desk):
    address, simulators, offered = desk

    for name in simulators:
        assert set(offered[name].form_action_origins) <= {address}, name


def test_the_front_page_shows_what_came_and_its_buttons_make_a_bad_day(desk):
    address, simulators, _offered = desk
    pressed = requests.post(f"{address}/_day", {"provider": "stripe", "wish": "Answers 500"}, timeout=5)
    assert "Still to come: 500 (3)" in pressed.text

    asked = requests.get(f"{address}/stripe/v1/checkout/sessions", timeout=5)

    assert asked.status_code == 500
    assert "<td>GET /v1/checkout/sessions</td><td>500</td><td>500</td>" in requests.get(address, timeout=5).text
    requests.post(f"{address}/_day", {"wish": "A good day"}, timeout=5)
    assert not any(one.faults.as_json() for one in simulators.values())


def test_the_clock_of_one_or_of_all_is_moved_by_a_button(desk):
    address, simulators, _ = desk
    before = [one.clock.now() for one in simulators.values()]

    requests.post(f"{address}/_clock", {"wish": "+86400"}, timeout=5)

    assert all(one.clock.now() >= then + 86400 for one, then in zip(simulators.values(), before, strict=True))
    requests.post(f"{address}/_clock", {"wish": ""}, timeout=5)
    assert all(one.clock.now() < then + 86400 for one, then in zip(simulators.values(), before, strict=True))


@pytest.mark.parametrize(("path", "form"), [("/_day", {"wish": "x"}), ("/_clock", {"wish": "+1"}), ("/_day", {})])
def test_an_unknown_wish_changes_nothing(desk, path, form):
    address, _, _ = desk

    assert requests.post(address + path, form, timeout=5).status_code == 400


def test_the_program_keeps_the_secrets_it_is_given_and_prints_the_other_settings():
    given = {**os.environ, "STRIPE_WEBHOOK_SECRET": "whsec_mine"}
    command = [sys.executable, "-m", "app.payments.simulators", "--port", "0", "--shop", ""]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2], env=given, stdout=subprocess.PIPE, text=True)
    try:
        wanted = set(invented("")) - {"STRIPE_WEBHOOK_SECRET"}
        printed = dict(process.stdout.readline().rstrip().split("=", 1) for _ in wanted)
        page = requests.get(printed["STRIPE_API_BASE"].removesuffix("/stripe"), timeout=5).text
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()

    assert set(printed) == wanted
    assert "STRIPE_WEBHOOK_SECRET=whsec_mine" in page


def test_a_command_in_a_second_terminal_pays_where_the_shop_does(tmp_path):
    here = {"DATA_DIR": str(tmp_path), "DATABASE_URL": "postgresql:///shop", "REDIS_URL": "redis://shop"}
    settings = load(here)
    simulated = simulated_providers(settings)

    with noted(settings, simulated):
        assert completed(here).items() >= simulated.items()
        assert "STRIPE_SECRET_KEY" not in completed(here | {"CHAPA_SECRET_KEY": "CHASECK_x"})

    assert "STRIPE_SECRET_KEY" not in completed(here)


def test_only_development_without_any_key_is_given_simulators():
    invented_for_nobody = simulated_providers(load({}))

    assert set(invented_for_nobody) == set(invented(""))
    assert simulated_providers(load({"CHAPA_SECRET_KEY": "CHASECK_x"})) == {}
    production = {"SHOP_ENV": "production", "SECRET_KEY": "a-key-for-this-test-0123456789-abcdefghijk"}
    assert simulated_providers(load(production)) == {}
