"""The shop's own gunicorn settings without what it does at its start."""

import os
import runpy
from pathlib import Path

_ours = runpy.run_path(str(Path(__file__).parent.parent / "gunicorn.conf.py"))

workers = _ours["workers"]
worker_class = _ours["worker_class"]
threads = _ours["threads"]
preload_app = _ours["preload_app"]
keepalive = _ours["keepalive"]
timeout = _ours["timeout"]
worker_tmp_dir = _ours["worker_tmp_dir"]
control_socket_disable = True
accesslog = None
loglevel = "warning"
wsgi_app = "bench.hello:app"
chdir = str(Path(__file__).parent.parent)
bind = f"127.0.0.1:{os.environ['HELLO_PORT']}"
