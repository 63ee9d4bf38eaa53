"""The web process, and what the `flask` command loads: app = create_app()."""

import os
import sys

from app import create_app
from app.config import BadSetting
from app.provision import completed

try:
    app = create_app(completed(os.environ))
except BadSetting as error:
    sys.exit(str(error))
