/**
 * Gives the space of a range of a file back to the file system, which reads as zeros afterwards. Node has no fallocate(2);
 * the program of util-linux has.
 */
import { execFile } from "node:child_process";

/** False where there is no such program, or the file system does not know holes. The range is then as it was, or part zeros. */
export function punchHole(path: string, offset: number, length: number): Promise<boolean> {
  const args = ["--punch-hole", "--offset", String(offset), "--length", String(length), path];
  return new Promise((resolve) => {
    execFile("fallocate", args, { timeout: 60_000 }, (error) => resolve(error === null));
  });
}
