/** Every command, in the order of the help. Adding one is a row here and a file beside it. */
import type { CommandDefinition } from "../program.ts";
import { up } from "./up.ts";
import { down } from "./down.ts";
import { status } from "./status.ts";
import { env } from "./env.ts";
import { aws } from "./aws.ts";
import { doctor } from "./doctor.ts";
import { root } from "./root.ts";
import { seal, unseal } from "./seal.ts";
import { logs } from "./logs.ts";
import { whyDenied } from "./whyDenied.ts";
import { findings } from "./findings.ts";
import { encryption } from "./encryption.ts";
import { ledger } from "./ledger.ts";
import { time } from "./time.ts";
import { coverage } from "./coverage.ts";
import { backup } from "./backup.ts";
import { restore } from "./restore.ts";
import { run } from "./run.ts";
import { test } from "./test.ts";
import { bench } from "./bench.ts";
import { completion } from "./completion.ts";
import { version } from "./version.ts";
import { hsm } from "./hsm.ts";
import { xksProxy } from "./xksProxy.ts";

export const commands: readonly CommandDefinition[] = [
  up,
  down,
  status,
  env,
  aws,
  doctor,
  root,
  unseal,
  seal,
  logs,
  whyDenied,
  findings,
  encryption,
  ledger,
  time,
  coverage,
  backup,
  restore,
  hsm,
  xksProxy,
  run,
  test,
  bench,
  completion,
  version,
];
