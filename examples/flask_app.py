"""Offer `EncryptionManager` over HTTP: `flask --app examples/flask_app run`.

    POST /encrypt   {"data": TEXT}             ->  {"encrypted_data": TEXT}
    POST /decrypt   {"encrypted_data": TEXT}   ->  {"decrypted_data": TEXT}

Every refusal is a 4xx status with `{"error": SENTENCE}`.

What this does not protect: the server sees every plaintext, holds the private key, and opens texts
for whoever can reach it, so put it behind TLS and a login of your own. Use it where the sealed text
is what travels on. Where the server itself is not to be trusted, seal on the device, as the sync
client does. The key pair is made at start and gone at the end; pass an `Identity` that you keep to
open today's texts tomorrow.
"""

from __future__ import annotations

from flask import Flask, abort, json, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from e2esync.errors import BadObject
from examples.encryption_manager import EncryptionManager

MAX_TEXT = 1024 * 1024  # bytes of UTF-8 in one text to encrypt

app = Flask(__name__, static_folder=None)
app.config["MAX_CONTENT_LENGTH"] = 2 * MAX_TEXT  # a sealed text is a third longer than the text, and padded
manager = EncryptionManager()


@app.post("/encrypt")
def encrypt() -> dict[str, str]:
    """Seal the text of the request."""
    text = _field("data")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        abort(400, "'data' is not valid Unicode")
    if size > MAX_TEXT:
        abort(413, f"'data' is longer than {MAX_TEXT} bytes")
    return {"encrypted_data": manager.encrypt(text)}


@app.post("/decrypt")
def decrypt() -> dict[str, str]:
    """Open the sealed text of the request."""
    try:
        return {"decrypted_data": manager.decrypt(_field("encrypted_data"))}
    except BadObject:
        abort(400, "'encrypted_data' is damaged, or was not sealed here")


def _field(name: str) -> str:
    """Return the text under `name` in the JSON object of the request, or refuse."""
    try:
        body = request.get_json()
    except RecursionError:
        abort(400, "the JSON is nested too deeply")
    if not isinstance(body, dict) or name not in body:
        abort(400, f"send a JSON object with the field '{name}'")
    if not isinstance(body[name], str):
        abort(400, f"'{name}' has to be a text")
    return str(body[name])


@app.errorhandler(HTTPException)
def refuse(error: HTTPException) -> Response:
    """Answer an error as JSON, with the status and headers that belong to it."""
    response = error.get_response()
    response.data = json.dumps({"error": error.description})
    response.content_type = "application/json"
    return response
