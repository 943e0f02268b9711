/** The console is built before the suites, so that browsers find it and no installation under test builds it. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";

export function bringConsole(home: string, env: NodeJS.ProcessEnv, say: (text: string) => void): void {
  const { status } = spawnSync(process.execPath, [join(home, "console/build/main.ts")], {
    env,
    stdio: ["ignore", "ignore", "inherit"],
    timeout: 900_000,
  });
  if (status !== 0) say("the console could not be built; tests that open it are skipped");
  env["JIKIMI_BUILD_CONSOLE"] = "0";
}
