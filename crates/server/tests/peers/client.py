"""python-socketio against a server of ours. Prints one line a case and "done" at the end. Argument: the URL of the server."""

import sys
import threading

import socketio


def check(url, how, transports):
    sio = socketio.Client(reconnection=False)
    heard = threading.Event()
    messages = []

    @sio.on("message")
    def on_message(data):
        messages.append(data)
        heard.set()

    room = f"python-{how.replace(' ', '-')}"
    sio.connect(url, transports=transports, auth={"room": room}, namespaces=["/", "/other"])
    assert sio.call("echo", "hällo 😀") == "hällo 😀"
    assert sio.call("echo", b"\x00\xff") == b"\x00\xff"
    assert sio.call("echo", "in another namespace", namespace="/other") == "in another namespace"
    sio.call("say", (room, "to all"), namespace="/other")
    assert heard.wait(30) and messages == ["to all"], messages
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
