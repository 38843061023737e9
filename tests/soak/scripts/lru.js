// SPDX-License-Identifier: BSD-2-Clause
// A web server with a cache that keeps the last so many answers.
'use strict';
const [port, most] = process.argv.slice(2).map(Number);
const cache = new Map();

require('http').createServer((request, response) => {
  let answer = cache.get(request.url);
  if (answer === undefined) {
    answer = request.url + ' ' + 'x'.repeat(2000) + Math.random();
    answer = Buffer.from(answer).toString('base64');
    if (cache.size >= most) cache.delete(cache.keys().next().value);
  } else {
    cache.delete(request.url);
  }
  cache.set(request.url, answer);
  response.end(answer);
}).listen(port, '127.0.0.1');
