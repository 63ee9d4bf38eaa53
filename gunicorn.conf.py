"""How gunicorn serves the shop. Its own command line and the shop's settings meet only here."""

import gc
import logging
import os
import signal
from pathlib import Path

from app.config import load
from app.first_steps import prepare
from app.lib import pagecache, processes
from app.lib.db import db

processes.use_one_heap()
settings = load(os.environ)

wsgi_app = "wsgi:app"
chdir = str(Path(__file__).parent)
bind = f"{settings.bind}:{settings.port}"
workers = settings.web_workers
worker_class = "gthread"
threads = settings.web_threads
preload_app = True
timeout = 30
graceful_timeout = 25
keepalive = 75  # above the idle time of the usual proxies (60 s), or they reuse a connection just closed
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a heartbeat must not wait for a disk
control_socket_disable = True
forwarded_allow_ips = ""  # TRUSTED_PROXIES decides, in the app
accesslog = None
loglevel = "warning"


def on_starting(server):
    """The app is loaded and no port is open yet: the moment to migrate."""
    logging.getLogger("gunicorn.error").handlers.clear()  # the app's own log lines reach the same place
    logging.getLogger("gunicorn.error").propagate = True
    prepare(server.app.wsgi())
    # What is here now stays to the end. Looking through it for garbage would copy it into every process: 30 MiB each.
    gc.collect()
    gc.freeze()


def post_fork(server, worker):
    """A signal until the worker listens for itself would be lost, and stopping would wait for it in vain."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    with server.app.wsgi().app_context():
        for engine in db.engines.values():
            engine.dispose(close=False)  # a connection belongs to one process
    pagecache.start(server.app.wsgi())
