# One image; its command is web, worker, or both (the default, with private stores under /data).
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS build
COPY requirements.txt /tmp/
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --only-binary :all: -r /tmp/requirements.txt \
    && /opt/venv/bin/pip uninstall --yes pip

FROM ${PYTHON_IMAGE}
# initdb asks for the name of whoever runs it, so the account must be a named one.
RUN python -m pip uninstall --yes pip \
    && useradd --uid 10001 --create-home --shell /usr/sbin/nologin shop \
    && install -d -o shop -g shop /data
COPY --from=build /opt/venv /opt/venv
WORKDIR /srv/shop
COPY app app
COPY migrations migrations
COPY static static
COPY templates templates
COPY wsgi.py worker.py gunicorn.conf.py LICENSE ./
RUN /opt/venv/bin/python -m compileall -q app
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    DATA_DIR=/data BIND=0.0.0.0 PORT=8000
USER shop
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=90s \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/healthz', timeout=2)"]
ENTRYPOINT ["python", "-m", "app"]
CMD ["both"]
