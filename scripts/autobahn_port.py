#!/usr/bin/env python3
"""Makes the released Autobahn|Testsuite, which is written for Python 2, run on Python 3.

    autobahn_port.py FOLDER      the folder `autobahntestsuite` of the unpacked release, after `2to3 -w` went over it

The cases are texts in which every character stands for one byte. 2to3 leaves them as `str`; so they stay what they are,
Latin-1 text, and are turned into bytes only where they meet the protocol library, by a class that is mixed in there. What
comes back is turned into such text again before a case compares it. The rest is spelling: names that the library has
changed since, integer division, and files whose encoding was not said.
"""
import pathlib
import re
import sys

HOME = pathlib.Path(sys.argv[1])

BRIDGE = '''
import binascii as _binascii


def to_bytes(value):
    return value.encode("latin-1") if isinstance(value, str) else value


def to_text(value):
    return value.decode("latin-1") if isinstance(value, (bytes, bytearray)) else value


class binascii:
    @staticmethod
    def b2a_hex(value):
        return _binascii.b2a_hex(to_bytes(value)).decode("ascii")

    hexlify = b2a_hex


class Bridge:
    """Stands before the library's protocol class and gives it bytes."""

    debug = False

    def sendFrame(self, opcode, payload=b"", fin=True, rsv=0, mask=None, payload_len=None, chopsize=None, sync=False):
        payload, mask = to_bytes(payload), to_bytes(mask)
        return super().sendFrame(opcode, payload, fin, rsv, mask, payload_len, chopsize, sync)

    def sendMessage(self, payload, isBinary=False, fragmentSize=None, sync=False, doNotCompress=False):
        return super().sendMessage(to_bytes(payload), isBinary, fragmentSize, sync, doNotCompress)

    def sendMessageFrame(self, payload, sync=False):
        return super().sendMessageFrame(to_bytes(payload), sync)

    def sendMessageFrameData(self, payload, sync=False):
        return super().sendMessageFrameData(to_bytes(payload), sync)

    def sendPing(self, payload=None):
        return super().sendPing(to_bytes(payload))

    def sendPong(self, payload=None):
        return super().sendPong(to_bytes(payload))

    def sendCloseFrame(self, code=None, reasonUtf8=None, isReply=False):
        return super().sendCloseFrame(code, to_bytes(reasonUtf8), isReply)

    def beginMessage(self, isBinary=False, doNotCompress=False, opcode=None):
        binary = isBinary if opcode is None else opcode == 2
        return super().beginMessage(binary, doNotCompress)
'''


def read(name):
    return (HOME / name).read_text(encoding="utf-8")


def write(name, text):
    (HOME / name).write_text(text, encoding="utf-8")


def swap(text, *pairs):
    """Replaces what must be there: a release that differs is told, not half converted."""
    for old, new in pairs:
        if old not in text:
            sys.exit(f"autobahn_port.py: not found, another release? {old!r}")
        text = text.replace(old, new)
    return text


def escaped(text):
    """Characters beyond ASCII as the bytes that they are in UTF-8, each as one character."""
    return "".join(c if ord(c) < 128 else "".join(f"\\x{byte:02x}" for byte in c.encode()) for c in text)


write("bridge.py", BRIDGE)

for path in sorted((HOME / "case").glob("*.py")):
    name = f"case/{path.name}"
    text = read(name).replace("(object, Case, )", "(Case, )").replace(".tostring()", '.tobytes().decode("latin-1")')
    text = re.sub(r"^import binascii\b", "from autobahntestsuite.bridge import binascii", text, flags=re.M)
    write(name, escaped(text.replace("hashlib, binascii", "hashlib")))

text = read("case/case6_x_x.py")
text = re.sub(r"(validate\()([^()]*(?:\([^()]*\)[^()]*)*)\)", r"\1to_bytes(\2))", text)
text = swap(
    text,
    ("import Utf8Validator", "import Utf8Validator\nfrom autobahntestsuite.bridge import to_bytes"),
    ('.encode("utf-8")', '.encode("utf-8", "surrogatepass").decode("latin-1")'),
)
write("case/case6_x_x.py", text)

text = read("case/case12_x_x.py")
text = swap(
    text,
    ("from .case import Case\n", "from .case import Case\nfrom autobahntestsuite.bridge import binascii, to_bytes\n"),
    ("acceptNoContextTakeover", "accept_no_context_takeover"),
    ("acceptMaxWindowBits", "accept_max_window_bits"),
    ("requestNoContextTakeover", "request_no_context_takeover"),
    ("requestMaxWindowBits", "request_max_window_bits"),
)
write("case/case12_x_x.py", text)
write("case/case10_1_1.py", swap(read("case/case10_1_1.py"), ("len(self.payload) / self.p", "len(self.payload) // self.p")))
text = swap(
    read("case/case9_9_1.py"),
    ("from zope.interface import implements", "from zope.interface import implementer"),
    ("class FrameProducer:\n\n   implements(interfaces.IPushProducer)\n", "@implementer(interfaces.IPushProducer)\nclass FrameProducer:\n"),
)
write("case/case9_9_1.py", text)

text = swap(
    read("fuzzing.py"),
    ("import os, json, binascii, time,", "from .bridge import binascii, Bridge, to_bytes, to_text\nimport os, json, time,"),
    ("dd = data[:maxlen] + ellipses\n", 'dd = data[:maxlen] + (ellipses if isinstance(data, str) else b" ...")\n'),
    ("return dd.decode('utf8',", "return to_bytes(dd).decode('utf8',"),
    ("p = ''.join(payload)", "p = b''.join(to_bytes(part) for part in payload)"),
    ("(FuzzingProtocol, WebSocketServerProtocol):", "(FuzzingProtocol, Bridge, WebSocketServerProtocol):"),
    ("(FuzzingProtocol, WebSocketClientProtocol):", "(FuzzingProtocol, Bridge, WebSocketClientProtocol):"),
    ("Factory.__init__(self, debug = debug, debugCodePaths = debug)", "Factory.__init__(self)"),
    ("self.runCase.onPong(payload)", "self.runCase.onPong(to_text(payload))"),
    ("self.runCase.onMessage(msg, binary)", "self.runCase.onMessage(to_text(msg), binary)"),
    ("self.http_request_data if hasattr", "to_text(self.http_request_data) if hasattr"),
    ("self.http_response_data if hasattr", "to_text(self.http_response_data) if hasattr"),
    ("putChild('cwd'", "putChild(b'cwd'"),
    ("json.dumps(case, ", "json.dumps(case, default=to_text, "),
    ("json.dumps(res, ", "json.dumps(res, default=to_text, "),
    ('.encode("utf-8"))\n', ")\n"),
    ("open(os.path.join(outdir, report_filename), 'w')", "open(os.path.join(outdir, report_filename), 'w', encoding='utf-8')"),
)
write("fuzzing.py", text)

# Two commands that are not needed, and would need more.
for name in ("wstest.py", "__init__.py"):
    text = read(name)
    write(name, text.replace("from . import serializer\n", "").replace("from . import massconnect\n", ""))
