// Socket.IO 4, or 2 if asked: `message` goes to everyone, `echo` comes back, and a POST to /publish is a message too.
const http = require('http');
const [version, port] = [process.argv[2] || '4', Number(process.argv[3] || 18082)];
const server = http.createServer((request, response) => {
  if (request.method !== 'POST' || request.url !== '/publish') {
    response.writeHead(404);
    return response.end();
  }
  let body = '';
  request.on('data', (part) => { body += part; });
  request.on('end', () => {
    io.emit('message', body);
    response.writeHead(204);
    response.end();
  });
});
const io = version === '2' ? require('socket.io2')(server) : new (require('socket.io').Server)(server);
io.on('connection', (socket) => socket.on('echo', (text) => socket.emit('echoed', text)));
server.listen(port, '127.0.0.1', 4096, () => console.log(`listening on ${port}`));
process.on('SIGTERM', () => process.exit(0));
