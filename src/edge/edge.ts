/**
 * Serves what the documents say: one object per process. `apply` brings what runs into line with new documents; it
 * drops neither a connection nor a request that need not go.
 */
import type { Clock } from "#kernel/clock.ts";
import type { Random } from "#kernel/ids.ts";
import type { Logger } from "#kernel/log.ts";
import { addressesOf, type BindPolicy } from "./bindPolicy.ts";
import type { FrontEndDocument, StatusDocument, TargetHealthDocument } from "./config.ts";
import type { ClientConnection } from "./connection.ts";
import type { EdgeDocuments, Placed } from "./documents.ts";
import type { Exchange } from "./exchange.ts";
import { HealthChecks } from "./healthChecks.ts";
import { listenerState, type ListenerState } from "./listenerState.ts";
import { Port } from "./port.ts";
import { randomHex } from "./randomHex.ts";
import { Sealing } from "./sealing.ts";
import { serve, type Authenticator, type Inspector, type ServeContext } from "./serve.ts";
import { ServedListener } from "./servedListener.ts";
import { clientLimits, SlowClients, type ClientLimits, type Slowness } from "./slowClients.ts";
import { Stickiness } from "./stickiness.ts";
import { TargetGroup } from "./targets.ts";
import type { LoadedCertificate } from "./tlsContexts.ts";

/** Where word of what happens goes. */
export interface EdgeObserver {
  status(placed: Placed<string>, document: StatusDocument): void;
  health(placed: Placed<string>, document: TargetHealthDocument): void;
  finished(exchange: Exchange): void;
  unreadable(state: ListenerState, connection: ClientConnection, status: number): void;
  handshake(state: ListenerState, connection: ClientConnection, error?: Error): void;
  /** Once it is known for whom: at once, or with the first request where several share an address. */
  opened(state: ListenerState, connection: ClientConnection): void;
  rejected(state: ListenerState): void;
  slow(connection: ClientConnection, why: Slowness): void;
}

export interface EdgeOptions {
  clock: Clock;
  random: Random;
  log: Logger;
  /** 32 bytes: cookies are sealed under it, so every process that serves a front end has the same. */
  secret: Uint8Array;
  bind: BindPolicy;
  observer: EdgeObserver;
  inspector: Inspector;
  authenticator: Authenticator;
  limits?: ClientLimits;
  /** Until a connection to a target is given up; the real one's unless told otherwise. */
  connectTimeoutMs?: number;
}

/** How long an address that could not be bound is left alone. */
const bindRetryMs = 2_000;

/** How often draining targets are looked at. */
const drainLookMs = 500;

export class Edge {
  readonly #options: EdgeOptions;
  readonly #ports = new Map<string, Port>();
  readonly #listeners = new Map<string, ServedListener>();
  readonly #groups = new Map<string, TargetGroup>();
  readonly #places = new Map<TargetGroup, Placed<string>>();
  readonly #states = new Map<string, { from: readonly unknown[]; state: ListenerState }>();
  readonly #statuses = new Map<string, string>();
  readonly #listenerOf = new WeakMap<ClientConnection, ListenerState>();
  readonly #health: HealthChecks;
  readonly #clients: SlowClients;
  readonly #context: ServeContext;
  readonly #drainTimer: NodeJS.Timeout;
  #applying: Promise<void> = Promise.resolve();
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: EdgeOptions) {
    this.#options = options;
    const { clock, random, secret, inspector, authenticator, observer } = options;
    this.#health = new HealthChecks(clock, (group) => this.#tellHealth(group));
    this.#clients = new SlowClients(
      options.limits ?? clientLimits,
      (connection) => (this.#listenerOf.get(connection)?.frontEnd.attributes.idleTimeoutSeconds ?? 60) * 1000,
      (connection, why) => observer.slow(connection, why),
    );
    this.#context = {
      clock,
      hex: randomHex(random),
      draw: () => random.bytes(4).readUInt32BE() / 2 ** 32,
      targetGroup: (arn) => this.#groups.get(arn),
      stickiness: new Stickiness(new Sealing(secret, "stickiness", random)),
      inspector,
      authenticator,
    };
    this.#drainTimer = setInterval(() => this.#endDraining(), drainLookMs);
    this.#drainTimer.unref();
  }

  /** One after the other; resolves when what was given is served, or something newer. */
  apply(documents: EdgeDocuments): Promise<void> {
    this.#applying = this.#applying.then(() => (this.#closed ? undefined : this.#apply(documents)));
    return this.#applying;
  }

  /** Stops accepting, lets requests under way finish, ends what is left after `withinMs`. */
  async close(withinMs: number): Promise<void> {
    this.#closed = true;
    await this.#applying.catch(() => {});
    this.#health.stop();
    clearTimeout(this.#retry);
    clearInterval(this.#drainTimer);
    await Promise.all([...this.#ports.values()].map((port) => port.close()));
    const { connections } = this.#clients;
    const until = performance.now() + withinMs;
    while (connections.size > 0 && performance.now() < until) {
      for (const connection of connections) connection.drain();
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    for (const connection of connections) connection.raw.destroy();
    this.#clients.stop();
    for (const group of this.#groups.values()) group.close();
  }

  /** Groups that are in use, each with the front end that uses it. */
  *groups(): Generator<{ group: TargetGroup; placed: Placed<string>; frontEnd: FrontEndDocument }> {
    for (const [group, placed] of this.#places) {
      if (group.usedBy) yield { group, placed, frontEnd: group.usedBy };
    }
  }

  get connections(): ReadonlySet<ClientConnection> {
    return this.#clients.connections;
  }

  stateOf(connection: ClientConnection): ListenerState | undefined {
    return this.#listenerOf.get(connection);
  }

  async #apply(documents: EdgeDocuments): Promise<void> {
    this.#applyGroups(documents);
    const states = this.#compile(documents);
    for (const [arn, state] of states) {
      const served = this.#listeners.get(arn);
      if (served) served.state = state;
    }
    await this.#applyPorts(documents, states);
    for (const arn of this.#listeners.keys()) if (!states.has(arn)) this.#listeners.delete(arn);
    this.#health.follow(this.#groups.values());
    this.#tellStatuses(documents, states);
    // Whoever has the port may let go of it.
    clearTimeout(this.#retry);
    if ([...this.#ports.values()].every(({ bound }) => bound)) return;
    this.#retry = setTimeout(() => void this.apply(documents), bindRetryMs);
    this.#retry.unref();
  }

  #applyGroups({ targetGroups, listeners, frontEnds }: EdgeDocuments): void {
    const now = this.#options.clock.now();
    const users = new Map<string, FrontEndDocument>();
    for (const { value } of listeners.values()) {
      const frontEnd = frontEnds.get(value.frontEnd)?.value;
      if (!frontEnd) continue;
      for (const action of value.rules.flatMap(({ actions }) => actions)) {
        if (action.type === "forward") for (const { arn } of action.targetGroups) users.set(arn, frontEnd);
      }
    }
    for (const [arn, group] of this.#groups) {
      if (targetGroups.has(arn)) continue;
      this.#groups.delete(arn);
      this.#places.delete(group);
      group.close();
    }
    for (const [arn, { account, region, value }] of targetGroups) {
      let group = this.#groups.get(arn);
      const before = group?.document;
      if (!group) {
        group = new TargetGroup({ ...value, targets: [] }, this.#options.connectTimeoutMs);
        this.#groups.set(arn, group);
        this.#places.set(group, { account, region, value: arn });
      }
      if (before !== value) {
        const keys = [...group.targets.keys()].join();
        group.update(value, now);
        if (keys !== [...group.targets.keys()].join()) this.#tellHealth(group);
      }
      group.usedBy = users.get(arn);
    }
  }

  /** States that would come out the same are kept: making TLS contexts is not free. */
  #compile({ listeners, frontEnds, certificates }: EdgeDocuments): Map<string, ListenerState> {
    const states = new Map<string, ListenerState>();
    for (const [arn, { account, region, value }] of listeners) {
      const frontEnd = frontEnds.get(value.frontEnd)?.value;
      if (!frontEnd) continue;
      const own = (value.tls?.certificates ?? []).map((each): LoadedCertificate | undefined => certificates.get(each));
      const from = [value, frontEnd, ...own];
      const kept = this.#states.get(arn);
      const same = kept && kept.from.length === from.length && kept.from.every((each, index) => each === from[index]);
      const state = same
        ? kept.state
        : listenerState({ account, region }, value, frontEnd, (each) => certificates.get(each));
      this.#states.set(arn, { from, state });
      states.set(arn, state);
    }
    for (const arn of this.#states.keys()) if (!states.has(arn)) this.#states.delete(arn);
    return states;
  }

  async #applyPorts(documents: EdgeDocuments, states: ReadonlyMap<string, ListenerState>): Promise<void> {
    const wanted = new Map<string, { address: string; port: number; listeners: ServedListener[] }>();
    for (const [arn, state] of states) {
      if (state.problem !== undefined) continue;
      for (const address of addressesOf(this.#options.bind, state.frontEnd)) {
        const { port, protocol } = state.document;
        const key = `${address}|${port}`;
        const place = wanted.get(key) ?? { address, port, listeners: [] };
        // A shared port speaks one protocol; who came later has its own address.
        if (place.listeners[0] && place.listeners[0].state.document.protocol !== protocol) continue;
        place.listeners.push(this.#served(arn, state));
        wanted.set(key, place);
      }
    }
    for (const [key, port] of this.#ports) {
      if (wanted.has(key)) continue;
      this.#ports.delete(key);
      await port.close();
      this.#drainPort(port);
    }
    for (const [key, { address, port, listeners }] of wanted) {
      let place = this.#ports.get(key);
      if (!place?.bound) {
        place = new Port(address, port, this.#portEvents());
        place.listeners = listeners;
        await place.open();
        this.#ports.set(key, place);
      }
      place.listeners = listeners;
    }
  }

  #served(arn: string, state: ListenerState): ServedListener {
    let served = this.#listeners.get(arn);
    if (!served) {
      const { clock, observer, log } = this.#options;
      const events = {
        clock,
        serve: (exchange: Exchange, upgrade?: Parameters<typeof serve>[2]) => {
          this.#isFor(exchange.connection, exchange.state);
          try {
            serve(exchange, this.#context, upgrade);
          } catch (error) {
            // INVARIANT: no request ends the process, and none that failed half-way is forwarded.
            log.error({ err: error, frontEnd: exchange.state.frontEnd.arn }, "a request could not be served");
            exchange.fail(500);
          }
        },
        finished: (exchange: Exchange) => observer.finished(exchange),
        unreadable: (at: ListenerState, connection: ClientConnection, status: number) =>
          observer.unreadable(at, connection, status),
      };
      served = new ServedListener(state, events);
      this.#listeners.set(arn, served);
    }
    return served;
  }

  #isFor(connection: ClientConnection, state: ListenerState): void {
    if (!this.#listenerOf.has(connection)) this.#options.observer.opened(state, connection);
    this.#listenerOf.set(connection, state);
  }

  #portEvents(): ConstructorParameters<typeof Port>[2] {
    const { clock, observer } = this.#options;
    return {
      clock,
      hex: this.#context.hex,
      room: (connection) => this.#clients.room(connection),
      opened: (connection) => {
        this.#clients.add(connection);
        const listener = connection.choose(undefined);
        if (listener) this.#isFor(connection, listener.state);
      },
      closed: (connection) => this.#clients.remove(connection),
      rejected: (listener) => observer.rejected(listener.state),
      handshake: (listener, connection, error) => {
        this.#isFor(connection, listener.state);
        observer.handshake(listener.state, connection, error);
      },
    };
  }

  /** Nobody is served on a port any more: its connections finish what is under way. */
  #drainPort(port: Port): void {
    for (const connection of this.#clients.connections) if (connection.at === port) connection.drain();
  }

  #endDraining(): void {
    const now = this.#options.clock.now();
    for (const group of this.#groups.values()) if (group.endDraining(now)) this.#tellHealth(group);
  }

  #tellHealth(group: TargetGroup): void {
    const placed = this.#places.get(group);
    if (!placed) return;
    const targets = Object.fromEntries([...group.targets].map(([key, target]) => [key, target.health()]));
    this.#options.observer.health(placed, { targets });
  }

  #tellStatuses({ listeners }: EdgeDocuments, states: ReadonlyMap<string, ListenerState>): void {
    for (const [arn, { account, region }] of listeners) {
      const state = states.get(arn);
      if (!state) continue;
      const bound = addressesOf(this.#options.bind, state.frontEnd).map((address) =>
        this.#boundAt(address, arn, state),
      );
      const failed = bound.filter(({ error }) => error !== undefined);
      const reason = state.problem ?? failed[0]?.error;
      const status = {
        state:
          state.problem !== undefined || failed.length === bound.length
            ? "failed"
            : failed.length > 0
              ? "impaired"
              : "active",
        ...(reason === undefined ? {} : { reason }),
        bound,
      } as const;
      const text = JSON.stringify(status);
      if (this.#statuses.get(arn) === text) continue;
      this.#statuses.set(arn, text);
      this.#options.observer.status({ account, region, value: arn }, { ...status, since: this.#options.clock.now() });
    }
    for (const arn of this.#statuses.keys()) if (!listeners.has(arn)) this.#statuses.delete(arn);
  }

  #boundAt(address: string, arn: string, state: ListenerState): StatusDocument["bound"][number] {
    const { port } = state.document;
    if (state.problem !== undefined) return { address, port, error: state.problem };
    const place = this.#ports.get(`${address}|${port}`);
    if (!place?.bound) return { address, port, error: bindError(place?.error, address, port) };
    const served = this.#listeners.get(arn);
    const here = served !== undefined && place.listeners.includes(served);
    return here ? { address, port } : { address, port, error: "another protocol is spoken on this shared port" };
  }
}

function bindError(error: NodeJS.ErrnoException | undefined, address: string, port: number): string {
  const at = `${address}:${port}`;
  switch (error?.code) {
    case "EADDRINUSE":
      return `${at} is in use by another program`;
    case "EACCES":
      return `this user may not listen on ${at}: ports below 1024 need the right to (net.ipv4.ip_unprivileged_port_start, CAP_NET_BIND_SERVICE)`;
    case "EADDRNOTAVAIL":
      return `${address} is not an address of this machine`;
    default:
      return `${at}: ${error?.message ?? "not bound"}`;
  }
}
