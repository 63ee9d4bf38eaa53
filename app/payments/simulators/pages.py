"""What the pages of all simulators look like: one shell, tables, and buttons that post."""

from collections.abc import Iterable, Mapping
from typing import Any

from markupsafe import Markup

SHELL = Markup(
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,"><title>{title}</title><style>'
    "body{{font:1rem/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}}"
    "table{{border-collapse:collapse;width:100%}}"
    "td,th{{padding:.4rem;border-bottom:1px solid #ccc;text-align:left;overflow-wrap:anywhere}}"
    "form{{display:inline}}button{{font:inherit;margin:.2rem;padding:.4rem .8rem}}p[role=alert]{{color:#a00}}"
    "pre{{overflow:auto}}"
    "</style></head><body><main><h1>{title}</h1>{body}</main></body></html>"
)


def shell(title: str, body: Markup) -> str:
    return SHELL.format(title=title, body=body)


def table(heads: Iterable[str], rows: Iterable[Iterable[Any]]) -> Markup:
    """Cells are escaped unless they are Markup."""
    head = Markup("").join(Markup("<th>{}</th>").format(one) for one in heads)
    lines = Markup("").join(
        Markup("<tr>{}</tr>").format(Markup("").join(Markup("<td>{}</td>").format(cell) for cell in row))
        for row in rows
    )
    return Markup("<table><tr>{}</tr>{}</table>").format(head, lines)


def buttons(action: str, name: str, choices: Mapping[str, str]) -> Markup:
    """A form with a button for each choice, by the value it posts."""
    inside = Markup("").join(
        Markup('<button name="{}" value="{}">{}</button>').format(name, value, label)
        for value, label in choices.items()
    )
    return Markup('<form method="post" action="{}">{}</form>').format(action, inside)
