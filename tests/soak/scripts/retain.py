# SPDX-License-Identifier: BSD-2-Clause
"""Keeps KILOBYTES each PERIOD_S seconds from START_S on: a list nobody empties."""
import sys
import time

kilobytes, period_s, start_s = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
kept, n = [], 0
base = [str(i) * 20 for i in range(200000)]
began = time.monotonic()
while True:
    time.sleep(period_s)
    if time.monotonic() - began >= start_s:
        for _ in range(kilobytes):
            n += 1
            kept.append({'id': n, 'text': str(n) * 80})
