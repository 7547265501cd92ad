import { compileInSlices } from "@malla/sdk/engine";
import { documentsOf, LARGE, LARGE_ON_ONE } from "./world.ts";

for (const size of [LARGE, LARGE_ON_ONE]) {
  const docs = documentsOf(size);
  for (let r = 0; r < 5; r++) {
    const s = compileInSlices(docs, 1);
    let n = 0;
    const out: string[] = [];
    for (;;) {
      const b = process.threadCpuUsage();
      const t = performance.now();
      const d = s.next().done;
      const w = performance.now() - t;
      const c = process.threadCpuUsage(b);
      const cpu = (c.user + c.system) / 1000;
      n++;
      if (w > 3) out.push(`${n}:${w.toFixed(0)}/${cpu.toFixed(0)}`);
      if (d) break;
    }
    console.log(n, out.join(" "));
  }
}
