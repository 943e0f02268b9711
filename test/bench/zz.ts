import { systemClock } from "#kernel/clock.ts";
import { PostgresStream } from "#stream/postgres.ts";
import { PostgresServer } from "../postgres.ts";
const server = await PostgresServer.create();
const s = await PostgresStream.open(server.url(), { clock: systemClock });
const value = { d: "d".repeat(400) };
let b = 0;
for (const [w, size] of [
  [4, 100],
  [4, 100],
  [8, 1],
  [4, 500],
] as const) {
  const t = performance.now();
  let n = 0;
  const u = process.cpuUsage();
  await Promise.all(
    Array.from({ length: w }, async () => {
      while (performance.now() - t < 2000) {
        const own = b++;
        await s.append(
          "bench",
          Array.from({ length: size }, (_, i) => ({ id: `${own}-${i}`, key: `k${i % 32}`, event: value })),
        );
        n += size;
      }
    }),
  );
  const cpu = process.cpuUsage(u);
  console.log(
    w,
    size,
    Math.round((n / (performance.now() - t)) * 1000),
    "ev/s",
    ((cpu.user + cpu.system) / n).toFixed(1),
  );
}
await s.close();
await server.destroy();
