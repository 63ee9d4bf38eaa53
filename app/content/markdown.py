"""What staff write becomes HTML: Markdown without HTML of its own, then cleaned by the one sanitiser."""

import re

import nh3
from markdown_it import MarkdownIt

TAGS = {
    "a", "blockquote", "br", "code", "em", "h2", "h3", "h4", "hr", "li", "ol", "p", "pre", "s", "strong",
    "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}
SCHEMES = {"http", "https", "mailto", "tel"}

_parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
_HEADING = re.compile(r"(</?)h1>")


def html_of(markdown: str) -> str:
    """Safe HTML. A page has its own h1, so a first-level heading becomes one of the second."""
    rendered = _HEADING.sub(r"\1h2>", _parser.render(markdown))
    return nh3.clean(rendered, tags=TAGS, attributes=ATTRIBUTES, url_schemes=SCHEMES, link_rel=None)
