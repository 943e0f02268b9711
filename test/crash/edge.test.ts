/** The edge role in a real installation: it comes with the first listener, and serves whatever happens to the api role. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { connectIpc } from "#ipc/client.ts";
import type { IpcClient } from "#ipc/contract.ts";
import { IpcStore, storeErrors } from "#store/ipc.ts";
import { edgeDocument, edgeService, type StatusDocument, type TargetHealthDocument } from "../../src/edge/config.ts";
import {
  account,
  certificate,
  freePort,
  frontEnd,
  groupArn,
  listener,
  region,
  target,
  targetGroup,
  upstream,
} from "../../src/edge/testing.ts";
import { eventually, repository, startInstance, type Instance } from "../instance.ts";

const certificateArn = "arn:aws:acm:us-east-1:123456789012:certificate/1";

const run = promisify(execFile);

let dataDir: string;
let instance: Instance;
let client: IpcClient;
let store: IpcStore;
let app: Awaited<ReturnType<typeof upstream>>;
let port: number;
let tlsPort: number;

before(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "jikimi-edge-"));
  await start();
  app = await upstream((request, response) => response.end(`answer to ${request.url}`));
  [port, tlsPort] = [await freePort(), await freePort()];
});

async function start(): Promise<void> {
  instance = await startInstance({ dataDir });
  client = connectIpc(join(instance.dataDir, "run/internal.sock"), { errors: storeErrors });
  store = new IpcStore(client);
}

after(async () => {
  await client.close();
  await instance.stop();
  await app.close();
  await rm(dataDir, { recursive: true, force: true });
});

const place = (type: string, id: string) => ({ account, region, service: edgeService, type, id });

async function put(type: string, value: { arn: string }): Promise<void> {
  await store.commit([{ op: "put", key: place(type, value.arn), value }]);
}

const get = async (path: string): Promise<string> => {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(5_000) });
  assert.equal(response.status, 200);
  return response.text();
};

/** A new process of the role, other than `before`. */
const another = (role: string, than: number | undefined): Promise<number> =>
  eventually(async () => {
    const pid = (await instance.rolePids())[role];
    return pid !== than && pid;
  });

test("an installation without listeners has no edge process", async () => {
  assert.deepEqual(Object.keys(await instance.rolePids()).toSorted(), ["api", "jobs"]);
});

test("the first listener brings the edge, which serves it and tells how its targets are", async () => {
  const loaded = certificate("web.test", certificateArn);
  const bound = certificateArn;
  const sealed = (await client.call("keys.protect", [
    "certificate",
    bound,
    Buffer.from(loaded.privateKey),
  ])) as Uint8Array;
  await put(edgeDocument.certificate, {
    arn: certificateArn,
    certificate: loaded.chain,
    chain: "",
    privateKey: { purpose: "certificate", bound, value: Buffer.from(sealed).toString("base64") },
    names: ["web.test"],
    notAfter: Date.now() + 86_400_000,
  } as { arn: string });
  await put(edgeDocument.targetGroup, targetGroup([target(app.port)]));
  await put(edgeDocument.frontEnd, frontEnd());
  const secure = {
    protocol: "HTTPS",
    tls: { policy: "ELBSecurityPolicy-TLS13-1-2-2021-06", certificates: [certificateArn] },
  } as const;
  await put(edgeDocument.listener, listener(tlsPort, secure));
  await put(edgeDocument.listener, listener(port));
  assert.equal(await eventually(() => get("/1")), "answer to /1");
  const status = await eventually(async () => {
    const found = await store.get<StatusDocument>(place(edgeDocument.status, listener(port).arn));
    return found?.value;
  });
  assert.equal(status.state, "active");
  assert.deepEqual(
    status.bound.map(({ address }) => address),
    ["127.64.1.1", "127.0.0.1"],
  );
  await eventually(async () => {
    const found = await store.get<TargetHealthDocument>(place(edgeDocument.targetHealth, groupArn));
    return found?.value.targets[`127.0.0.1|${app.port}`]?.state === "healthy";
  });
});

test("a port that cannot be bound is told: by the listener's status, by `jikimi status` and by `jikimi doctor`", async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "0.0.0.0", resolve));
  const busy = listener((taken.address() as AddressInfo).port);
  await put(edgeDocument.listener, busy);
  const status = await eventually(async () => {
    const found = await store.get<StatusDocument>(place(edgeDocument.status, busy.arn));
    return found?.value;
  });
  assert.equal(status.state, "failed");
  assert.match(status.reason ?? "", /is in use by another program/);
  const jikimi = (command: string) =>
    run(process.execPath, [join(repository, "src/cli/main.ts"), command, "--json", "--data", instance.dataDir]).catch(
      (error: { stdout: string }) => error,
    );
  assert.match((await jikimi("status")).stdout, new RegExp(`${busy.arn}.*in use by another program`));
  assert.match((await jikimi("doctor")).stdout, /in use by another program/);
  await new Promise<void>((resolve) => taken.close(() => resolve()));
  // It is tried again by itself.
  await eventually(async () => {
    const found = await store.get<StatusDocument>(place(edgeDocument.status, busy.arn));
    return found?.value.state === "active";
  });
  await store.commit([{ op: "delete", key: place(edgeDocument.listener, busy.arn) }]);
});

test("what is kept on the disk does not show the private key", async () => {
  const path = join(instance.dataDir, "edge/configuration");
  await eventually(async () => existsSync(path));
  const saved = await readFile(path);
  assert.ok(!saved.includes("PRIVATE KEY") && !saved.includes("listener"));
});

test("kill -9 of the api role: not one request is lost", async () => {
  const api = (await instance.rolePids())["api"];
  assert.ok(api);
  let under = true;
  let served = 0;
  const failures: unknown[] = [];
  const load = Promise.all(
    Array.from({ length: 4 }, async () => {
      while (under) {
        try {
          await get("/under-load");
          served++;
        } catch (error) {
          failures.push(error);
        }
      }
    }),
  );
  process.kill(api, "SIGKILL");
  await another("api", api);
  await eventually(async () => (await store.ping(), true));
  under = false;
  await load;
  assert.deepEqual(failures, []);
  assert.ok(served > 10, `${served} served`);
});

test("an edge that starts while the api role does not answer serves from its last configuration", async () => {
  const { api, edge } = await instance.rolePids();
  assert.ok(api && edge);
  // The configuration is on the disk once the edge has followed the api's restart.
  process.kill(api, "SIGSTOP");
  try {
    process.kill(edge, "SIGKILL");
    await another("edge", edge);
    assert.equal(await eventually(() => get("/alone"), { within: 10_000 }), "answer to /alone");
    const { stdout } = await run("curl", ["-sk", "-m", "5", `https://127.0.0.1:${tlsPort}/tls`]);
    assert.equal(stdout, "answer to /tls");
  } finally {
    process.kill(api, "SIGCONT");
  }
  await put(
    edgeDocument.listener,
    listener(port, {
      rules: [
        {
          arn: "r",
          priority: "default",
          conditions: [],
          actions: [{ type: "fixed-response", status: 200, body: "changed" }],
        },
      ],
    }),
  );
  await eventually(async () => (await get("/")) === "changed");
});

test("a restart of everything: the next start serves again, under the same secret", async () => {
  const secret = await readFile(join(dataDir, "edge/secret"));
  await client.close();
  await instance.stop();
  await start();
  await eventually(async () => (await get("/")) === "changed");
  assert.deepEqual(await readFile(join(dataDir, "edge/secret")), secret);
});

test("the last listener's port is closed", async () => {
  await store.commit([{ op: "delete", key: place(edgeDocument.listener, listener(port).arn) }]);
  await eventually(() =>
    get("/").then(
      () => false,
      (error: Error) => (error.cause as { code?: string } | undefined)?.code === "ECONNREFUSED",
    ),
  );
});
