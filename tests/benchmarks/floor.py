"""The least a Flask view can cost: constant bytes, or 304, and nothing else of the house. Served like ours."""

from __future__ import annotations

import os
from pathlib import Path

from flask import Flask, Response

application = Flask("floor")
FOLDER = Path(os.environ["BENCH_BODIES"])
BODIES = {path.stem: path.read_bytes() for path in FOLDER.glob("*.json")}


@application.get("/<name>")
def bytes_as_they_are(name: str) -> Response:
    return Response(BODIES[name], content_type="application/json")


@application.get("/<name>/unchanged")
def unchanged(name: str) -> Response:
    response = Response(status=304)
    response.set_etag(name)
    return response
