"""python-socketio against a server of ours. Prints one line a case and "done" at the end. Argument: the URL of the server."""

import sys
import threading

import socketio

# Only a hang gets there; the library itself would give up after a second.
PATIENCE_S = 300


def check(url, how, transports):
    sio = socketio.Client(reconnection=False, request_timeout=PATIENCE_S)
    heard = threading.Event()
    messages = []

    @sio.on("message")
    def on_message(data):
        messages.append(data)
        heard.set()

    room = f"python-{how.replace(' ', '-')}"
    sio.connect(url, transports=transports, auth={"room": room}, namespaces=["/", "/other"], wait_timeout=PATIENCE_S)
    assert sio.call("echo", "hällo 😀", timeout=PATIENCE_S) == "hällo 😀"
    assert sio.call("echo", b"\x00\xff", timeout=PATIENCE_S) == b"\x00\xff"
    assert sio.call("echo", "in another namespace", namespace="/other", timeout=PATIENCE_S) == "in another namespace"
    sio.call("say", (room, "to all"), namespace="/other", timeout=PATIENCE_S)
    assert heard.wait(PATIENCE_S) and messages == ["to all"], messages
    if transports == ["polling", "websocket"]:
        assert sio.transport() == "websocket", sio.transport()
    sio.disconnect()
    print(f"python-socketio, {how}")


for how, transports in {
    "polling only": ["polling"],
    "websocket only": ["websocket"],
    "upgrade": ["polling", "websocket"],
}.items():
    check(sys.argv[1], how, transports)
print("done")
