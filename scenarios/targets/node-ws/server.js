// A WebSocket server as small as they come: /echo sends a message back, anywhere else a message goes to everyone there.
const { WebSocketServer, WebSocket } = require('ws');
const server = new WebSocketServer({ host: '127.0.0.1', port: 18081, perMessageDeflate: false, backlog: 4096 });
server.on('connection', (socket, request) => {
  socket.room = request.url;
  socket.on('message', (data, isBinary) => {
    if (request.url === '/echo') return socket.send(data, { binary: isBinary });
    for (const other of server.clients) {
      if (other.room === request.url && other.readyState === WebSocket.OPEN) other.send(data, { binary: isBinary });
    }
  });
});
server.on('listening', () => console.log('listening'));
process.on('SIGTERM', () => process.exit(0));
