// SockJS: what one says, everyone hears; and a POST to /publish is said to everyone too.
const http = require('http');
const sockjs = require('sockjs');
const everyone = new Set();
const service = sockjs.createServer({ log: () => {} });
service.on('connection', (connection) => {
  everyone.add(connection);
  connection.on('data', (text) => everyone.forEach((other) => other.write(text)));
  connection.on('close', () => everyone.delete(connection));
});
const server = http.createServer((request, response) => {
  if (request.url.startsWith('/echo')) return;
  let body = '';
  request.on('data', (part) => { body += part; });
  request.on('end', () => {
    everyone.forEach((other) => other.write(body));
    response.writeHead(request.url === '/publish' ? 204 : 404);
    response.end();
  });
});
service.installHandlers(server, { prefix: '/echo' });
server.listen(18085, '127.0.0.1', 4096, () => console.log('listening'));
process.on('SIGTERM', () => process.exit(0));
