/** The suites in the order they run. Each file runs in a process of its own. */
export interface Suite {
  name: string;
  /** Patterns below the root of the source tree. */
  files: readonly string[];
  /** Files at the same time, for two cores: more where files wait (for clocks, disks, other processes) than compute. */
  concurrency: number;
  timeoutMs: number;
}

export const suites: readonly Suite[] = [
  {
    name: "unit",
    files: ["src/**/*.test.ts", "tools/**/*.test.ts", "console/src/**/*.test.ts", "test/*.test.ts"],
    concurrency: 2,
    timeoutMs: 180_000,
  },
  { name: "conformance", files: ["test/conformance/**/*.test.ts"], concurrency: 3, timeoutMs: 300_000 },
  { name: "scenarios", files: ["test/scenarios/**/*.test.ts"], concurrency: 3, timeoutMs: 300_000 },
  { name: "console", files: ["test/console/**/*.test.ts"], concurrency: 2, timeoutMs: 300_000 },
  { name: "hostile", files: ["test/hostile/**/*.test.ts"], concurrency: 2, timeoutMs: 600_000 },
  { name: "attack", files: ["test/attack/**/*.test.ts"], concurrency: 3, timeoutMs: 600_000 },
  { name: "crash", files: ["test/crash/**/*.test.ts"], concurrency: 2, timeoutMs: 600_000 },
  { name: "cluster", files: ["test/cluster/**/*.test.ts"], concurrency: 1, timeoutMs: 600_000 },
];
