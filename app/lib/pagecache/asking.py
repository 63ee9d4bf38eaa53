"""Which page a request asks for: the part of a request that a page may depend on, and nothing else."""

from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

from flask import Flask

LONGEST = 400  # characters of a path or a query; a longer one is answered, and not kept
MOST_FIELDS = 40
MADE = "sokoni.page"  # the place in the environ where a view says what it shows

# What other sites and mails add to addresses to count clicks; no page depends on it.
TRACKING = frozenset(
    [
        "gclid",
        "dclid",
        "gbraid",
        "wbraid",
        "fbclid",
        "msclkid",
        "ttclid",
        "twclid",
        "yclid",
        "igshid",
        "mc_cid",
        "mc_eid",
        "_ga",
        "_gl",
        "ref",
    ]
)


# The last two are for what goes wrong, and nothing of that is kept.
KEPT_HEADERS = ("HTTP_HOST", "HTTP_ACCEPT", "HTTP_X_REQUEST_ID")


@dataclass(frozen=True)
class Rule:
    """What the pages of one view depend on: fields of the query, and the elements htmx may aim at."""

    fields: frozenset[str]
    targets: frozenset[str]
    ignores_others: bool


class Asked(NamedTuple):
    """A page that may be kept: all it may depend on. `target` is "" for a whole page, # or #id for a fragment."""

    path: str
    query: str
    target: str
    rule: Rule

    @property
    def key(self) -> str:
        return f"{self.path}?{self.query}{self.target}"

    def environ(self, given: dict[str, Any]) -> dict[str, Any]:
        """The request of a stranger for it: without cookies, and without any header that could find its way into it."""
        bare = {name: value for name, value in given.items() if not name.startswith("HTTP_") or name in KEPT_HEADERS}
        for name in ("RAW_URI", "REQUEST_URI", "CONTENT_LENGTH", "CONTENT_TYPE"):
            bare.pop(name, None)
        bare |= {"REQUEST_METHOD": "GET", "QUERY_STRING": self.query}
        if self.target:
            bare |= {"HTTP_HX_REQUEST": "true", "HTTP_HX_TARGET": self.target}
        return bare


class Rules:
    """By address: those without a variable part as they are, the others by what stands before it, such as /p/."""

    def __init__(self, app: Flask):
        self._exact: dict[str, Rule] = {}
        self._below: dict[str, Rule] = {}
        for address in app.url_map.iter_rules():
            rule = getattr(app.view_functions[address.endpoint], "page_rule", None)
            if rule is None:
                continue
            start, variable, _ = address.rule.partition("<")
            if not variable:
                self._exact[start] = rule
            elif start.count("/") == 2:
                self._below[start] = rule
            else:
                raise ValueError(f"{address.rule} cannot be found by its first part.")

    def of(self, path: str) -> Rule | None:
        return self._exact.get(path) or self._below.get(path[: path.find("/", 1) + 1])

    def asked(self, environ: dict[str, Any], rule: Rule) -> Asked | None:
        """None for a request that has something of its own, which Flask has to see as it is."""
        path = environ.get("PATH_INFO", "")
        query = _query(environ.get("QUERY_STRING", ""), rule)
        if query is None or len(path) > LONGEST or "HTTP_AUTHORIZATION" in environ or "HTTP_RANGE" in environ:
            return None
        target = ""
        if environ.get("HTTP_HX_REQUEST") == "true" and not (
            environ.get("HTTP_HX_BOOSTED") == "true" or environ.get("HTTP_HX_HISTORY_RESTORE_REQUEST") == "true"
        ):
            element = environ.get("HTTP_HX_TARGET", "").rpartition("#")[2]
            target = f"#{element}" if element in rule.targets else "#"
        return Asked(path, query, target, rule)


def _query(query: str, rule: Rule) -> str | None:
    """The fields the page depends on, by name; None when there are others that it might."""
    if not query:
        return ""
    if len(query) > LONGEST:
        return None
    try:
        given = parse_qsl(query, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        return None
    kept: list[tuple[str, str]] = []
    for name, value in given:
        if name in rule.fields:
            kept.append((name, value))
        elif not (rule.ignores_others or name in TRACKING or name.startswith("utm_")):
            return None
    kept.sort(key=itemgetter(0))  # values of one name stay in their order
    return urlencode(kept)


def rule_of(fields: tuple[str, ...], targets: tuple[str, ...], ignores_others: bool) -> Callable[[Any], Any]:
    def mark(view: Any) -> Any:
        view.page_rule = Rule(frozenset(fields), frozenset(targets), ignores_others)
        return view

    return mark
