/** The engines an installation may stand on, for suites that run once on each. */
import { findPostgres, PostgresServer } from "./postgres.ts";

export interface StoreUnderTest {
  name: string;
  /** Reason why this machine cannot run it. */
  skip: string | false;
  /** Arguments of `jikimi up`, and how to end what was started for them. */
  start(): Promise<{ args: string[]; stop(): Promise<void> }>;
}

export const stores: readonly StoreUnderTest[] = [
  { name: "SQLite", skip: false, start: async () => ({ args: [], stop: async () => {} }) },
  {
    name: "PostgreSQL",
    skip: reason(),
    async start() {
      const server = await PostgresServer.create();
      return { args: ["--store", await server.createDatabase("jikimi")], stop: () => server.destroy() };
    },
  },
];

function reason(): string | false {
  const found = findPostgres();
  return "reason" in found ? found.reason : false;
}
