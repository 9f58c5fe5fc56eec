// Works like the public Node implementations of this task: parse, append to a file, answer. No fsync, no validation.
const http = require('http');
const fs = require('fs');
const [port, file] = process.argv.slice(2);
http.createServer((request, response) => {
  let body = '';
  request.on('data', part => { body += part; });
  request.on('end', () => {
    const event = JSON.parse(body);
    fs.appendFile(file, JSON.stringify(event) + '\n', error => {
      response.writeHead(error ? 500 : 202, { 'Content-Type': 'application/json' });
      response.end('{"ok":true}');
    });
  });
}).listen(Number(port), '127.0.0.1');
