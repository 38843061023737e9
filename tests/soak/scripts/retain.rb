# SPDX-License-Identifier: BSD-2-Clause
# Keeps KILOBYTES each second, beside garbage that it does not keep.
kilobytes = ARGV[0].to_i
kept = []
n = 0
loop do
  sleep 1
  2000.times { |i| "garbage #{i}" * 2 }
  kilobytes.times { n += 1; kept << "kept #{n} " * 100 }
end
