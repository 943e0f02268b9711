/** The helper process, as the key holder's client uses it: it sees boxes and parameters only. */
import { spawn } from "node:child_process";
import { dirname, extname } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { SealError } from "../../contract.ts";
import { withoutCoreFiles } from "../../process.ts";

const entry = fileURLToPath(new URL(`./helper${extname(import.meta.url)}`, import.meta.url));
/** What of the environment is its own, or its programs': credentials, search path, where TPM and token are, whom TLS trusts. */
const itsEnvironment = /^(JIKIMI_SEAL_\w+|PATH|TPM2TOOLS_TCTI|SOFTHSM2_CONF|NODE_EXTRA_CA_CERTS)$/;
const timeoutMs = 60_000;

/** It must not be asked again by itself. */
export class AskNoMore extends SealError {}

type Parameters = Record<string, unknown>;
interface Answer {
  recipient?: string;
  parameters?: Parameters;
  box?: string;
  failure?: string;
  final?: boolean;
}

/** The parameters with the root in them. @param handOut the root, in a box for this public key @throws SealError */
export async function wrapOutside(
  kind: string,
  parameters: Parameters,
  handOut: (recipient: Uint8Array) => Promise<Uint8Array>,
): Promise<Parameters> {
  return await withHelper(kind, async (ask) => {
    const { recipient } = await ask({ job: "wrap", kind, parameters });
    const box = await handOut(Buffer.from(recipient ?? "", "base64"));
    return (await ask({ box: Buffer.from(box).toString("base64") })).parameters!;
  });
}

/** The root, in a box for `recipient`. @throws SealError with the reason */
export async function unwrapOutside(kind: string, parameters: Parameters, recipient: Uint8Array): Promise<Buffer> {
  return await withHelper(kind, async (ask) => {
    const answer = await ask({ job: "unwrap", kind, parameters, recipient: Buffer.from(recipient).toString("base64") });
    return Buffer.from(answer.box!, "base64");
  });
}

async function withHelper<T>(kind: string, work: (ask: (asked: object) => Promise<Answer>) => Promise<T>): Promise<T> {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => itsEnvironment.test(name)));
  const [file, args] = withoutCoreFiles(["--disable-sigusr1", "--no-warnings", entry]);
  const child = spawn(file, args, { env, cwd: dirname(entry), stdio: ["pipe", "pipe", "ignore"], timeout: timeoutMs });
  child.on("error", () => child.stdout.destroy());
  child.stdin.on("error", () => {});
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  try {
    return await work(async (asked) => {
      child.stdin.write(`${JSON.stringify(asked)}\n`);
      const { value, done } = await lines.next();
      if (done) throw new SealError(`the helper of the ${kind} seal ended`);
      const answer = JSON.parse(value) as Answer;
      if (answer.failure === undefined) return answer;
      throw answer.final ? new AskNoMore(answer.failure) : new SealError(answer.failure);
    });
  } finally {
    child.kill("SIGKILL");
  }
}
