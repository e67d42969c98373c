// The official clients against a server of ours. Prints one line a case and "done" at the end; exits with 1 at the first case
// that fails. Arguments: the URL of a server for benchmarks, and that of one for conformance suites.
import assert from "node:assert/strict";
import { io } from "socket.io-client";
import io2 from "socket.io-client2";
import { Socket as EngineSocket } from "engine.io-client";

const [benchmark, conformance] = process.argv.slice(2);

const once = (emitter, event) => new Promise((resolve) => emitter.once(event, (...args) => resolve(args)));

// Clients of both generations; the second has no auth and no emitWithAck.
const generations = [
  {
    name: "socket.io-client 4",
    connect: (url, options) => io(url, { forceNew: true, ...options }),
    room: (room) => ({ auth: { room } }),
    transport: (socket) => socket.io.engine.transport.name,
    upgraded: (socket) => socket.io.engine,
  },
  {
    name: "socket.io-client 2",
    connect: (url, options) => io2(url, { forceNew: true, ...options }),
    room: (room) => ({ query: { room } }),
    transport: (socket) => socket.io.engine.transport.name,
    upgraded: (socket) => socket.io.engine,
  },
];

const transports = { "polling only": ["polling"], "websocket only": ["websocket"], upgrade: ["polling", "websocket"] };

const ask = (socket, ...args) => new Promise((resolve) => socket.emit(...args, (...answer) => resolve(answer)));

async function upgrade(socket, generation, list) {
  if (list.length === 2 && generation.transport(socket) !== "websocket") {
    await once(generation.upgraded(socket), "upgrade");
  }
}

async function echoes(generation, list) {
  const socket = generation.connect(benchmark, { transports: list });
  await once(socket, "connect");
  await upgrade(socket, generation, list);
  assert.equal(generation.transport(socket), list.at(-1));
  assert.deepEqual(await ask(socket, "echo", "hällo \u2028 😀 \\n"), ["hällo \u2028 😀 \\n"]);
  const [data] = await ask(socket, "echo", Buffer.from([0, 1, 254, 255]));
  assert.deepEqual([...new Uint8Array(data.buffer ? data : new Uint8Array(data))], [0, 1, 254, 255]);
  const large = "x".repeat(200_000);
  assert.deepEqual(await ask(socket, "echo", large), [large]);
  const answers = await Promise.all(Array.from({ length: 50 }, (_, at) => ask(socket, "echo", `m${at}`)));
  assert.deepEqual(answers.flat(), Array.from({ length: 50 }, (_, at) => `m${at}`));
  socket.close();
}

async function rooms(generation, list) {
  const room = `peers-${Math.random().toString(36).slice(2)}`;
  const hearer = generation.connect(benchmark, { transports: list, ...generation.room(room) });
  const named = generation.connect(`${benchmark}/named`, { transports: list });
  await Promise.all([once(hearer, "connect"), once(named, "connect")]);
  assert.deepEqual(await ask(named, "join", room), []);
  const heard = Promise.all([once(hearer, "message"), once(named, "message")]);
  assert.deepEqual(await ask(named, "say", room, "to all"), []);
  assert.deepEqual(await heard, [["to all"], ["to all"]]);
  assert.deepEqual(await ask(named, "leave", room), []);
  hearer.close();
  named.close();
}

async function reconnects(generation, list) {
  const socket = generation.connect(benchmark, { transports: list, reconnectionDelay: 10 });
  await once(socket, "connect");
  await upgrade(socket, generation, list);
  const first = socket.id;
  socket.io.engine.close();
  await once(socket, "connect");
  assert.notEqual(socket.id, first);
  assert.deepEqual(await ask(socket, "echo", "again"), ["again"]);
  socket.close();
}

async function namespaces(generation, list) {
  const options = { transports: list };
  // Listened to before the connection, because the greeting comes with it.
  const greeted = (socket) => once(socket, "auth");
  const main = generation.connect(conformance, options);
  await greeted(main);
  const custom = main.io.socket("/custom");
  await Promise.all([greeted(custom), once(custom, "connect")]);
  const back = once(main, "message-back");
  main.emit("message", 1, "2", { 3: [true] }, Buffer.from([7]));
  const [one, two, three, four] = await back;
  assert.deepEqual([one, two, three, [...new Uint8Array(four)]], [1, "2", { 3: [true] }, [7]]);
  assert.deepEqual(await ask(main, "message-with-ack", 1, "2"), [1, "2"]);
  const random = main.io.socket("/random");
  const refused = generation.name.endsWith("2") ? once(random, "error") : once(random, "connect_error");
  const [reason] = await refused;
  assert.equal(reason.message ?? reason, "Invalid namespace");
  custom.close();
  assert.deepEqual(await ask(main, "message-with-ack", "still there"), ["still there"]);
  main.close();
}

// A heartbeat every 300 ms: five of them must be lived through.
async function heartbeats(generation, list) {
  const socket = generation.connect(conformance, { transports: list });
  await once(socket, "connect");
  await upgrade(socket, generation, list);
  let beats = 0;
  const beat = new Promise((resolve) => {
    socket.io.engine.on(generation.name.endsWith("2") ? "pong" : "ping", () => ++beats === 5 && resolve());
  });
  const lost = once(socket, "disconnect").then(([reason]) => assert.fail(`disconnected: ${reason}`));
  await Promise.race([beat, lost]);
  socket.removeAllListeners();
  socket.close();
}

async function engine(list) {
  const socket = new EngineSocket(conformance, { transports: list });
  await once(socket, "open");
  if (list.length === 2) await once(socket, "upgrade");
  for (const message of ["text", Buffer.from([1, 2, 3])]) {
    const answer = once(socket, "message");
    socket.send(message);
    const [data] = await answer;
    assert.deepEqual(Buffer.from(data), Buffer.from(message));
  }
  const closed = once(socket, "close");
  socket.close();
  await closed;
}

const within = (name, promise) =>
  Promise.race([promise, new Promise((_, reject) => setTimeout(reject, 300_000, new Error(`${name} hangs`)).unref())]);

try {
  for (const [how, list] of Object.entries(transports)) {
    for (const generation of generations) {
      for (const check of [echoes, rooms, reconnects, namespaces, heartbeats]) {
        const name = `${generation.name}, ${how}: ${check.name}`;
        await within(name, check(generation, list));
        console.log(name);
      }
    }
    await within("engine.io-client", engine(list));
    console.log(`engine.io-client 6, ${how}`);
  }
  console.log("done");
  process.exit(0);
} catch (error) {
  console.error(error);
  process.exit(1);
}
