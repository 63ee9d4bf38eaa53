"""The page before all simulators: what each has received and sent, its bad days by button, and the clock."""

import time
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from app.payments.simulators.days import DAYS
from app.payments.simulators.pages import buttons, shell, table
from app.payments.simulators.server import Simulator

SHOWN = 15  # requests and deliveries of each
CLOCK = {"+3600": "An hour later", "+86400": "A day later", "": "Real time"}


class Front:
    """A WSGI app. `POST /_day` and `/_clock` take a form with `provider` (empty is all of them) and `wish`."""

    def __init__(self, simulators: Mapping[str, Simulator], settings: Mapping[str, str]) -> None:
        self._simulators = simulators
        self._settings = settings

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return self._respond(Request(environ))(environ, start_response)

    def _respond(self, request: Request) -> Response:
        if request.path == "/" and request.method in ("GET", "HEAD"):
            return Response(self._page(), mimetype="text/html")
        if request.path in ("/_day", "/_clock") and request.method == "POST":
            return self._obeyed(request)
        return Response(
            shell("Nothing here", Markup('<p><a href="/">All simulators</a></p>')), 404, mimetype="text/html"
        )

    def _obeyed(self, request: Request) -> Response:
        wanted, wish = request.form.get("provider", ""), request.form.get("wish", "")
        chosen = [one for name, one in self._simulators.items() if wanted in ("", name)]
        if not chosen or wish not in (DAYS if request.path == "/_day" else CLOCK):
            return Response(shell("No such wish", Markup("")), 400, mimetype="text/html")
        for simulator in chosen:
            simulator.obey(dict(DAYS[wish]) if request.path == "/_day" else {"clock": wish or None})
        return redirect(f"/#{wanted}" if wanted else "/", 303)

    def _page(self) -> str:
        parts = [self._of_one(name, simulator) for name, simulator in self._simulators.items()]
        lines = "\n".join(f"{name}={value}" for name, value in self._settings.items())
        body = Markup("<p>{}</p>{}<h2>Settings of a shop that pays here</h2><pre>{}</pre>").format(
            _wishes("", ("A good day", "A wretched day")), Markup("").join(parts), lines
        )
        return shell("Payment providers (simulated)", body)

    def _of_one(self, name: str, simulator: Simulator) -> Markup:
        faults = [*simulator.faults.as_json(), *simulator.mailman.faults.as_json()]
        return Markup(
            '<section id="{0}"><h2>{0}</h2><p><a href="/{0}/">Payments and their buttons</a> · its clock shows {1}</p>'
            "<p>{2}</p>{3}<h3>Received</h3>{4}<h3>Sent</h3>{5}</section>"
        ).format(
            name,
            time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(simulator.clock.now())),
            _wishes(name, DAYS),
            _bad_day(faults),
            _received(simulator),
            _sent(simulator),
        )


def _wishes(provider: str, days: Any) -> Markup:
    hidden = Markup('<input type="hidden" name="provider" value="{}">').format(provider)
    forms = (buttons("/_day", "wish", {day: day for day in days}), buttons("/_clock", "wish", CLOCK))
    return Markup("").join(form.replace(Markup("</form>"), hidden + Markup("</form>")) for form in forms)


def _bad_day(faults: list[dict[str, Any]]) -> Markup:
    if not faults:
        return Markup("")
    listed = ", ".join(f"{one['kind']} ({'all day' if one['times'] < 0 else one['times']})" for one in faults)
    return Markup('<p role="alert">Still to come: {}</p>').format(listed)


def _received(simulator: Simulator) -> Markup:
    latest = list(simulator.requests)[-SHOWN:]
    return table(
        ("At", "Request", "Answer", "Went wrong"),
        ((_at(one), f"{one['method']} {one['path']}", one.get("status", "…"), one.get("fault", "")) for one in latest),
    )


def _sent(simulator: Simulator) -> Markup:
    latest = simulator.mailman.log[-SHOWN:]
    return table(("At", "Message", "Answer"), ((_at(one), one["type"], one["status"]) for one in latest))


def _at(entry: Mapping[str, Any]) -> str:
    return time.strftime("%H:%M:%S", time.gmtime(entry["at"]))
