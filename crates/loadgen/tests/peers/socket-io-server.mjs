// A Socket.IO server by the official packages, for tests of our client. It knows nothing of envelopes and schedules:
// what it publishes is told to it on stdin, and what it sees it tells on stdout, one word and its arguments a line.
//
//   node socket-io-server.mjs 4|2 [port=0] [engine3=no] [ping_interval_ms=25000] [ping_timeout_ms=20000] [max_bytes=4000000]
//
//   in:  publish ROOM PAYLOAD   publish-binary ROOM PAYLOAD   kick   (the end of stdin ends the server)
//   out: ready PORT   joined NAMESPACE ROOM   message PAYLOAD   heartbeat NAMESPACE   transport NAME   left NAMESPACE REASON

import { createServer } from "node:http";
import { createInterface } from "node:readline";

const [version, ...rest] = process.argv.slice(2);
const options = Object.fromEntries(rest.map((option) => option.split("=")));
const say = (...words) => process.stdout.write(words.join(" ") + "\n");

const http = createServer();
const settings = {
  pingInterval: Number(options.ping_interval_ms ?? 25000),
  pingTimeout: Number(options.ping_timeout_ms ?? 20000),
  maxHttpBufferSize: Number(options.max_bytes ?? 4e6),
};
let io;
if (version === "4") {
  const { Server } = await import("socket.io");
  io = new Server(http, { ...settings, allowEIO3: options.engine3 === "yes" });
} else {
  const { default: listen } = await import("socket.io2");
  io = listen(http, settings);
}

const namespaces = [io.of("/"), io.of("/chat")];
for (const namespace of namespaces) {
  namespace.on("connection", (socket) => {
    // Version 5 of the protocol brings the room as credentials; version 4 in the query of the namespace or of the request.
    const room = socket.handshake.auth?.room ?? socket.handshake.query.room;
    if (room !== undefined) {
      socket.join(room);
    }
    // The server connects everybody to the main namespace in version 4; who names a room means the one they named it in.
    socket.on("message", (payload) => say("message", payload));
    socket.on("echo", (payload, answer) => answer(payload));
    socket.conn.on("heartbeat", () => say("heartbeat", namespace.name));
    socket.on("disconnect", (reason) => {
      say("transport", socket.conn.transport.name);
      say("left", namespace.name, reason);
    });
    say("joined", namespace.name, room ?? "-");
  });
}

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const [word, room, payload] = line.split(" ");
    if (word === "publish") {
      namespaces.forEach((namespace) => namespace.to(room).emit("message", payload));
    } else if (word === "publish-binary") {
      namespaces.forEach((namespace) => namespace.to(room).emit("message", Buffer.from(payload)));
    } else if (word === "kick") {
      // A Map in socket.io 4; in 2 an object that goes by another name.
      const sockets = (namespace) => (version === "4" ? [...namespace.sockets.values()] : Object.values(namespace.connected));
      namespaces.flatMap(sockets).forEach((socket) => socket.disconnect(true));
    }
  })
  .on("close", () => process.exit(0));

http.listen(Number(options.port ?? 0), "127.0.0.1", () => say("ready", http.address().port));
