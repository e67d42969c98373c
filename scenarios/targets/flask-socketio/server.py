"""Flask-SocketIO in threading mode: the event my_event of namespace /test comes back as my_response, to its sender alone
or, as it is started with `broadcast`, to everyone. A POST to /publish is said to everyone too."""
import sys

from flask import Flask, request
from flask_socketio import SocketIO, emit

app = Flask(__name__)
socketio = SocketIO(app, async_mode="threading")
BROADCAST = "broadcast" in sys.argv


@socketio.on("my_event", namespace="/test")
def answer(message):
    emit("my_response", {"data": message["data"]}, broadcast=BROADCAST)


@app.post("/publish")
def publish():
    socketio.emit("my_response", {"data": request.get_data(as_text=True)}, namespace="/test")
    return "", 204


if __name__ == "__main__":
    import logging

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    socketio.run(app, host="127.0.0.1", port=18083, allow_unsafe_werkzeug=True)
