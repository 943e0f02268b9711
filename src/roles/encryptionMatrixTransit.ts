/** Ways in, each tried just now: a TLS handshake with the API's own port and with every listener of a load balancer. */
import { connect as connectTcp } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Document } from "#store/contract.ts";
import { types as elbTypes, type Listener, type LoadBalancer, type TargetGroup } from "../services/elbv2/state.ts";
import { types as snsTypes, type Subscription } from "../services/sns/state.ts";
import type { Cell, MatrixRow, MatrixScope, MatrixSources } from "./encryptionMatrixShape.ts";

/** Longest handshake. */
const handshakeMs = 2_000;
const mostShown = 50;

export async function inTransit(sources: MatrixSources, scope: MatrixScope): Promise<MatrixRow[]> {
  const rows = [
    ownPort(sources),
    loadBalancers(sources, scope),
    targetGroups(sources, scope),
    plainEndpoints(sources, scope),
  ];
  return [...(await Promise.all(rows)).flat(), ...(scope.provider ? local(sources) : [])];
}

async function ownPort({ endpoint }: MatrixSources): Promise<MatrixRow[]> {
  const { hostname, port } = new URL(endpoint);
  const host = hostname.replace(/^\[|\]$/g, "");
  return [
    { kind: "apiTls", resource: `https://${hostname}:${port}`, inTransit: await handshake(host, Number(port)) },
    { kind: "apiHttp", resource: `http://${hostname}:${port}`, inTransit: await plainly(host, Number(port)) },
  ];
}

async function list<T>({ store }: MatrixSources, { account }: MatrixScope, service: string, type: string) {
  const page = await store.list<T>({ service, type, limit: mostShown, ...(account === undefined ? {} : { account }) });
  return page.items;
}

async function loadBalancers(sources: MatrixSources, scope: MatrixScope): Promise<MatrixRow[]> {
  const [listeners, balancers] = await Promise.all([
    list<Listener>(sources, scope, "elbv2", elbTypes.listener),
    list<LoadBalancer>(sources, scope, "elbv2", elbTypes.loadBalancer),
  ]);
  const addresses = new Map(balancers.map(({ value }) => [value.arn, value.address]));
  return await Promise.all(
    listeners.map(async ({ value }: Document<Listener>): Promise<MatrixRow> => {
      const address = addresses.get(value.loadBalancer);
      const row = { kind: "listener" as const, resource: value.arn };
      if (address === undefined) return { ...row, inTransit: { state: "empty" } };
      const tried = value.protocol === "HTTPS" ? handshake(address, value.port) : plainly(address, value.port);
      return { ...row, inTransit: await tried };
    }),
  );
}

/** What a load balancer says to targets in HTTP is in the clear behind it. */
async function targetGroups(sources: MatrixSources, scope: MatrixScope): Promise<MatrixRow[]> {
  const groups = await list<TargetGroup>(sources, scope, "elbv2", elbTypes.targetGroup);
  return groups
    .filter(({ value }) => value.protocol === "HTTP")
    .map(({ value }) => ({
      kind: "targetGroup",
      resource: value.arn,
      inTransit: { state: "plain", why: "withoutTls" },
    }));
}

async function plainEndpoints(sources: MatrixSources, scope: MatrixScope): Promise<MatrixRow[]> {
  const found = await list<Subscription>(sources, scope, "sns", snsTypes.subscription);
  return found
    .filter(({ value }) => value.protocol === "http")
    .map(({ value }) => ({
      kind: "subscription",
      resource: value.arn,
      inTransit: { state: "plain", why: "withoutTls", proof: { address: value.endpoint } },
    }));
}

function local({ config }: MatrixSources): MatrixRow[] {
  const { storeUrl, streamUrl } = config;
  const remote = [...new Set([storeUrl, streamUrl])].filter((url) => /^(postgres(ql)?|nats):/.test(url));
  return [
    { kind: "internalSocket", resource: `${config.dataDir}/run`, inTransit: { state: "plain", why: "localSocket" } },
    ...remote.map((url): MatrixRow => {
      const address = url.replace(/\/\/[^@/]*@/, "//");
      const asks = /sslmode=(require|verify-ca|verify-full)|^tls:/.test(url);
      // Whether a server that may speak TLS has done so is not seen from here.
      return {
        kind: "database",
        resource: address.replace(/\?.*$/, ""),
        inTransit: asks ? { state: "empty" } : { state: "plain", why: "withoutTls" },
      };
    }),
  ];
}

function handshake(host: string, port: number): Promise<Cell> {
  const address = `${host}:${port}`;
  return new Promise((resolve) => {
    // Who answers is not the question here, only how: certificates are ACM's and the port's own matter.
    const socket = connectTls({
      host,
      port,
      rejectUnauthorized: false,
      timeout: handshakeMs,
      ALPNProtocols: ["http/1.1"],
    });
    const end = (cell: Cell): void => {
      socket.destroy();
      resolve(cell);
    };
    socket.once("secureConnect", () => {
      const proof = { address, protocol: socket.getProtocol() ?? "", cipher: socket.getCipher().standardName };
      end({ state: "encrypted", proof });
    });
    socket.once("timeout", () => end({ state: "empty", why: "unreachable", proof: { address } }));
    socket.once("error", () => end({ state: "empty", why: "unreachable", proof: { address } }));
  });
}

/** Whether it takes a request without TLS. */
function plainly(host: string, port: number): Promise<Cell> {
  const address = `${host}:${port}`;
  return new Promise((resolve) => {
    const socket = connectTcp({ host, port, timeout: handshakeMs });
    const end = (cell: Cell): void => {
      socket.destroy();
      resolve(cell);
    };
    socket.once("connect", () =>
      socket.write(`GET /_jikimi/livez HTTP/1.1\r\nhost: ${address}\r\nconnection: close\r\n\r\n`),
    );
    socket.once("data", (data: Buffer) => {
      const answers = data.subarray(0, 5).toString("latin1") === "HTTP/";
      end(answers ? { state: "plain", why: "withoutTls", proof: { address } } : { state: "empty", why: "unreachable" });
    });
    socket.once("timeout", () => end({ state: "empty", why: "unreachable", proof: { address } }));
    socket.once("error", () => end({ state: "empty", why: "unreachable", proof: { address } }));
    socket.once("close", () => end({ state: "empty", why: "unreachable", proof: { address } }));
  });
}
