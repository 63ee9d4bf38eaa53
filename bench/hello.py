"""The yardstick: what Flask costs under our gunicorn settings when it does nothing."""

from flask import Flask

app = Flask(__name__)


@app.get("/")
def hello() -> str:
    return "Hello, World!"
