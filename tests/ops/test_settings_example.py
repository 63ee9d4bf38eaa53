import re
from pathlib import Path

import pytest

from app.config import Settings, load

pytestmark = pytest.mark.pure

EXAMPLE = Path(__file__).parents[2] / ".env.example"


def example():
    lines = re.findall(r"^([A-Z0-9_]+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE)
    return {name: value.strip('"') for name, value in lines}


def test_the_example_names_every_setting_and_no_other():
    assert set(example()) == {name.upper() for name in Settings.__dataclass_fields__}


def test_the_example_shows_the_defaults():
    assert load(example()) == load({})
