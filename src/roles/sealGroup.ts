/**
 * The key holders of all api processes of a data folder, sealed and opened as one. Each process answers for its own on a
 * socket in the data folder; whichever is asked by an operator, or by the sign-in page, asks the others.
 *
 * INVARIANT: who is told that it is sealed knows that no process has it open.
 */
import { readdir, rm } from "node:fs/promises";
import { AwsError } from "#kernel/errors.ts";
import type { Logger } from "#kernel/log.ts";
import { type KeyHolder, KeyHolderUnavailable, Sealed, SealError, type SealState } from "#keys/contract.ts";
import type { SealControl } from "#keys/sealControl.ts";
import { isErrno } from "#keys/files.ts";
import { dataPaths } from "./role.ts";
import type { Routes } from "./routes.ts";
import { askUnix } from "./unixClient.ts";
import { serveUnix } from "./unixServer.ts";

/** What opens a seal: boxes by the public key that each is for, or the passphrase as it is, or nothing where it is kept outside. */
export interface Offered {
  boxes?: Readonly<Record<string, string>>;
  passphrase?: string;
}

const prefix = "/_jikimi/seal-member";
const socketName = /^seal\.(\d+)$/;
/** argon2id on a busy machine: the key holder does nothing else meanwhile. */
const patienceMs = 60_000;
/** A process that does not say in this time what its state is serves nobody. */
const statePatienceMs = 5_000;

export class SealGroup {
  readonly #dataDir: string;
  readonly #keys: KeyHolder;
  readonly #seal: SealControl;
  #served: { close(): Promise<void> } | undefined;

  constructor(dataDir: string, keys: KeyHolder, seal: SealControl) {
    this.#dataDir = dataDir;
    this.#keys = keys;
    this.#seal = seal;
  }

  /** Answers the others from now on. */
  async serve(log: Logger): Promise<void> {
    const routes: Routes = {
      [`GET ${prefix}`]: () => this.#keys.state(),
      [`GET ${prefix}/key`]: () => this.#ownKey(),
      [`POST ${prefix}/offer`]: (_query, body) => refusing(this.#offerOwn(body as Offered)),
      [`POST ${prefix}/seal`]: async () => {
        await this.#keys.seal();
        return await this.#keys.state();
      },
      [`POST ${prefix}/catch-up`]: () => refusing(this.#seal.catchUp()),
      [`POST ${prefix}/forget`]: (_query, { group }) => this.#seal.forget(String(group)),
    };
    this.#served = await serveUnix(dataPaths.sealSocket(this.#dataDir, process.pid), routes, log);
  }

  async close(): Promise<void> {
    await this.#served?.close();
  }

  /** Open when all are; else of one that is sealed, that which lacks most shares. */
  async state(): Promise<SealState> {
    const others = await this.#others();
    return stateOf([await this.#keys.state(), ...others.map(({ state }) => state)]);
  }

  /** What secrets are encrypted to: each of these is to be offered a box. */
  async publicKeys(): Promise<string[]> {
    const others = await Promise.all((await this.#pids()).map((pid) => this.#ask<string>(pid, "GET", "/key")));
    return [await this.#ownKey(), ...others.flatMap((key) => key ?? [])];
  }

  /** Resolves with the state after it; rejects, as an AwsError, when it was refused by all that are sealed. */
  async offer(offered: Offered): Promise<SealState> {
    const sealed = (await this.#others()).filter(({ state }) => state.sealed);
    const asked = sealed.map(({ pid }) => this.#ask<SealState>(pid, "POST", "/offer", offered));
    const own = await this.#keys.state();
    if (own.sealed || asked.length === 0) asked.push(refusing(this.#offerOwn(offered)));
    const answers = await Promise.allSettled(asked);
    if (!answers.some(({ status }) => status === "fulfilled")) {
      for (const answer of answers) if (answer.status === "rejected") throw answer.reason;
    }
    return await this.state();
  }

  async seal(): Promise<SealState> {
    const others = await this.#pids();
    // Its own goes first: that much is sealed whatever comes of the others.
    await this.#keys.seal();
    await Promise.all(others.map((pid) => this.#ask(pid, "POST", "/seal")));
    return await this.state();
  }

  /** @see SealControl.confirmRekey: the others open the new seal, or wait for what opens it. */
  async confirmRekey(id: string): Promise<SealState> {
    await refusing(this.#seal.confirmRekey(id));
    await Promise.all((await this.#pids()).map((pid) => this.#ask(pid, "POST", "/catch-up")));
    return await this.state();
  }

  /** A group was destroyed here: resolves when no process has anything of it in memory. */
  async forget(group: string): Promise<void> {
    await Promise.all((await this.#pids()).map((pid) => this.#ask(pid, "POST", "/forget", { group })));
  }

  async #ownKey(): Promise<string> {
    return Buffer.from(await refusing(this.#seal.boxKey())).toString("base64");
  }

  async #offerOwn({ boxes, passphrase = "" }: Offered): Promise<SealState> {
    if (boxes === undefined) return await this.#seal.offer({ bytes: Buffer.from(passphrase, "utf8"), boxed: false });
    const box = boxes[await this.#ownKey()];
    if (box === undefined) throw new SealError("the key holder was started again meanwhile; try again");
    return await this.#seal.offer({ bytes: Buffer.from(box, "base64"), boxed: true });
  }

  async #others(): Promise<{ pid: number; state: SealState }[]> {
    const pids = await this.#pids();
    const states = await Promise.all(
      pids.map((pid) => this.#ask<SealState>(pid, "GET", "", undefined, statePatienceMs).catch(() => undefined)),
    );
    return states.flatMap((state, index) => (state ? [{ pid: pids[index]!, state }] : []));
  }

  async #pids(): Promise<number[]> {
    const names = await readdir(dataPaths.runFolder(this.#dataDir)).catch(() => []);
    const pids = names.flatMap((name) => Number(socketName.exec(name)?.[1] ?? []));
    return pids.filter((pid) => pid !== process.pid);
  }

  /** `undefined` of a process that is no more: what it left behind is removed. */
  async #ask<T>(
    pid: number,
    method: "GET" | "POST",
    path: string,
    body?: object,
    patience = patienceMs,
  ): Promise<T | undefined> {
    const socket = dataPaths.sealSocket(this.#dataDir, pid);
    try {
      const { status, text } = await askUnix(socket, method, prefix + path, body, patience);
      const answer = JSON.parse(text) as T & { code?: string; message?: string };
      if (status === 200) return answer;
      throw new AwsError(answer.code ?? "Unavailable", answer.message ?? `HTTP ${status}`, status);
    } catch (error) {
      if (error instanceof AwsError) throw error;
      if (isErrno(error, "ECONNREFUSED")) await rm(socket, { force: true });
      if (isErrno(error, "ECONNREFUSED") || isErrno(error, "ENOENT")) return undefined;
      const cause = error instanceof Error ? error.message : String(error);
      throw new AwsError("Unavailable", `The api process ${pid} does not answer, and may be open: ${cause}.`, 503);
    }
  }
}

function stateOf(states: readonly SealState[]): SealState {
  const entered = (state: SealState): number => (state.sealed ? (state.shares?.entered ?? 0) : Infinity);
  return states.reduce((least, each) => (entered(each) < entered(least) ? each : least));
}

/** What a key holder refuses, as whoever asks over HTTP is told it. */
export async function refusing<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof SealError) throw new AwsError("SealError", error.message, 403);
    if (error instanceof Sealed) throw new AwsError("Sealed", "It is sealed: unseal it first.", 409);
    if (error instanceof KeyHolderUnavailable) throw new AwsError("Unavailable", error.message, 503);
    throw error;
  }
}
