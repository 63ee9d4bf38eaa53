"""The web process, and what the `flask` command loads: app = create_app()."""

import os

from app import create_app
from app.provision import completed

app = create_app(completed(os.environ))
