"""What a browser complains about while a story is told: scripts, policies, missing files, broken answers."""

import re

from playwright.sync_api import BrowserContext, ConsoleMessage, Error, Response, WebError

REFUSED = re.compile(r"the server responded with a status of 4\d\d")
LOUD = ("error", "warning")

# The policy's own event says which directive was broken, also where the console says nothing.
WATCH_POLICY = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`policy: ${event.violatedDirective} refused ${event.blockedURI} ${event.sample}`);
});
"""


class Trouble:
    """Collects complaints of the contexts it watches; a story that expects some says so with `forgive`."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self._forgiven: list[str] = []

    def watch(self, context: BrowserContext, *, scripts: bool = True) -> None:
        if scripts:
            context.add_init_script(WATCH_POLICY)
        context.on("console", self._console)
        context.on("weberror", self._error)
        context.on("response", self._response)

    def forgive(self, words: str) -> None:
        """Complaints with these words are part of the story."""
        self._forgiven.append(words)

    @property
    def unforgiven(self) -> list[str]:
        return [it for it in self.complaints if not any(words in it for words in self._forgiven)]

    def _console(self, message: ConsoleMessage) -> None:
        # A refusal is an answer like any other; the browser logs each one all the same.
        if message.type in LOUD and not REFUSED.search(message.text):
            self.complaints.append(f"console: {message.text} ({message.location['url']})")

    def _error(self, error: WebError) -> None:
        problem: Error = error.error
        self.complaints.append(f"script: {problem.message}")

    def _response(self, response: Response) -> None:
        is_file = re.search(r"/(static|media)/", response.url)
        if response.status >= 500 or (is_file and response.status >= 400):
            self.complaints.append(f"answer: {response.status} {response.url}")
