// SPDX-License-Identifier: BSD-2-Clause
// Keeps what it makes: KILOBYTES each PERIOD_S seconds, from START_S on,
// beside garbage that it does not keep.
'use strict';
const [kilobytes, period, start] = process.argv.slice(2).map(Number);
const kept = [];
let garbage = [];

setInterval(() => {
  garbage = [];
  for (let i = 0; i < 2000; i++) garbage.push({ i, text: 'y' + i });
  if (process.uptime() < start) return;
  for (let i = 0; i < kilobytes; i++) {
    const entry = { at: Date.now(), text: Buffer.alloc(480, i & 255).toString('latin1') };
    entry.copy = entry.text.split('').reverse().join('');
    kept.push(entry);
  }
}, period * 1000);
