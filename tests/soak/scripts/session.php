<?php
// SPDX-License-Identifier: BSD-2-Clause
// For PHP's own web server: builds a page and throws it away.
$rows = [];
for ($i = 0; $i < 2000; $i++) {
    $rows[] = ['id' => $i, 'name' => md5((string)$i)];
}
echo count($rows), "\n";
