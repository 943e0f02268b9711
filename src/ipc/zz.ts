import { spawn } from "node:child_process";
import { serveIpc } from "./server.ts"; import { connectIpc } from "./client.ts";
if (process.argv[2] === "serve") { await serveIpc(process.argv[3]!, { echo: ([v]) => v }); process.stdout.write("ok"); }
else {
  const path = `/tmp/zz-${process.pid}.sock`;
  const c = spawn(process.execPath, [import.meta.filename, "serve", path], { stdio: ["ignore", "pipe", "inherit"] });
  await new Promise((r) => c.stdout.once("data", r));
  const client = connectIpc(path);
  const v = { key: { account: "111122223333", region: "us-east-1", service: "kms", type: "key", id: "x" }, value: { d: "d".repeat(400) } };
  for (const width of [1, 16, 64]) { let n = 0; const t = performance.now(); const u = process.cpuUsage(); await Promise.all(Array.from({ length: width }, async () => { while (performance.now() - t < 1500) { await client.call("echo", [v]); n++; } })); const cpu = process.cpuUsage(u); console.log(width, Math.round(n / 1.5), "/s", ((cpu.user + cpu.system) / n).toFixed(1), "us cpu"); }
  await client.close(); c.kill();
}
