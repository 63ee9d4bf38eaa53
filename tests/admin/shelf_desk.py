"""Grace at the staff desk: every form she sends carries the token of a page she has open."""

import re
from typing import Any

from flask.testing import FlaskClient

from tests import factories


class Desk:
    """A signed-in member of staff."""

    def __init__(self, browser: FlaskClient, *, role: str = "staff"):
        self.browser = browser
        self.user_id = factories.a_user(email="grace@example.com", role=role, name="Grace Hopper").id
        browser.post("/auth/login", data={"email": "grace@example.com", "password": factories.PASSWORD})
        self.token = re.search(r'name="csrf_token" value="([^"]+)"', self.page("/admin/products/new")).group(1)

    def page(self, url: str, status: int = 200, **how: Any) -> str:
        answer = self.browser.get(url, **how)
        assert answer.status_code == status, answer.get_data(as_text=True)[:1500]
        return answer.get_data(as_text=True)

    def send(self, url: str, status: int = 303, /, *, htmx: bool = False, **fields: Any) -> str:
        """Post the form; gives back the page that follows, or the fragment."""
        data = {"csrf_token": self.token, **fields}
        answer = self.browser.post(url, data=data, htmx=htmx)
        assert answer.status_code == status, (answer.status_code, answer.get_data(as_text=True)[:1500])
        if status == 303:
            return self.page(answer.location)
        return answer.get_data(as_text=True)
