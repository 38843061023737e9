// SPDX-License-Identifier: BSD-2-Clause
// java Heap.java GARBAGE_KB KEPT_KB START_S: each second so much garbage, and from
// START_S on so much that is kept.
import java.util.ArrayList;
import java.util.List;

public class Heap {
    static volatile Object sink;

    public static void main(String[] args) throws Exception {
        int garbage = Integer.parseInt(args[0]), keep = Integer.parseInt(args[1]);
        long start = System.nanoTime() + 1_000_000_000L * Long.parseLong(args[2]);
        List<byte[]> kept = new ArrayList<>();
        while (true) {
            for (int i = 0; i < garbage; i++) sink = new byte[1000];
            if (System.nanoTime() >= start)
                for (int i = 0; i < keep; i++) kept.add(new byte[1000]);
            Thread.sleep(1000);
        }
    }
}
