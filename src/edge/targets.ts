/**
 * Targets of a group while the edge serves: their health, what is under way, and who gets the next request.
 * Source: Elastic Load Balancing User Guide, "Target groups for your Application Load Balancers".
 */
import type { Duplex } from "node:stream";
import { Pool, type Dispatcher } from "undici";
import { egressFor, type Reaches } from "./networks.ts";
import { outgoing } from "./outgoing.ts";
import type { FrontEndDocument, TargetDocument, TargetGroupDocument, TargetHealth, TargetState } from "./config.ts";
import { targetKey } from "./config.ts";

/** The real one gives up a connection after 10 seconds with 504. */
const connectTimeoutMs = 10_000;

export class Target {
  readonly key: string;
  document: TargetDocument;
  state: TargetState = "initial";
  reason: string | undefined = "Elb.RegistrationInProgress";
  description: string | undefined = "Target registration is in progress";
  since: number;
  /** Requests that were sent and not yet answered. */
  outstanding = 0;
  /** Connections that became WebSockets: they outlive their request. */
  readonly tunnels = new Set<Duplex>();
  /** Smooth weighted round robin. */
  credit = 0;
  /** Epoch milliseconds at which its slow start began. */
  slowStartFrom: number | undefined;
  readonly #protocol: "HTTP" | "HTTPS";
  readonly #connect: ReturnType<typeof outgoing>;
  readonly #reaches: Reaches;
  #pool: Pool | undefined;

  constructor(
    document: TargetDocument,
    protocol: "HTTP" | "HTTPS",
    now: number,
    reaches: Reaches,
    connectMs = connectTimeoutMs,
  ) {
    this.#reaches = reaches;
    this.#connect = outgoing(reaches, connectMs, { rejectUnauthorized: false });
    this.key = targetKey(document.id, document.port);
    this.document = document;
    this.since = now;
    this.#protocol = protocol;
  }

  get address(): string {
    return this.document.address;
  }

  get port(): number {
    return this.document.port;
  }

  /** Connections to the target. Its certificate is not verified: the real load balancer does not either. */
  get dispatcher(): Dispatcher {
    this.#pool ??= new Pool(
      `${this.#protocol.toLowerCase()}://${hostOf(this.document.address)}:${this.document.port}`,
      {
        pipelining: 1,
        connect: this.#connect,
        maxHeaderSize: 32_768,
      },
    );
    return this.#pool;
  }

  /** Whether the security groups of the load balancer let it connect to this target. */
  reachable(port: number): boolean {
    return this.#reaches(this.address, port);
  }

  /** After a change of security groups: kept connections to what is out of reach now take no new request. */
  confine(): void {
    if (this.#pool === undefined || this.reachable(this.port)) return;
    this.release();
    this.#pool = undefined;
  }

  to(state: TargetState, now: number, reason?: string, description?: string): boolean {
    if (this.state === state && this.reason === reason && this.description === description) return false;
    if (this.state !== state) this.since = now;
    this.state = state;
    this.reason = reason;
    this.description = description;
    return true;
  }

  health(): TargetHealth {
    return {
      state: this.state,
      since: this.since,
      ...(this.reason === undefined ? {} : { reason: this.reason }),
      ...(this.description === undefined ? {} : { description: this.description }),
    };
  }

  /** Requests under way are finished. */
  release(): void {
    void this.#pool?.close().catch(() => {});
  }

  /** Requests under way are cut off. */
  cut(): void {
    for (const tunnel of this.tunnels) tunnel.destroy();
    void this.#pool?.destroy().catch(() => {});
  }
}

export function hostOf(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}

export class TargetGroup {
  document: TargetGroupDocument;
  readonly targets = new Map<string, Target>();
  #usedBy: FrontEndDocument | undefined;
  #reaches: Reaches = () => false;
  readonly #connectMs: number;

  /** The front end whose rules forward to it. */
  get usedBy(): FrontEndDocument | undefined {
    return this.#usedBy;
  }

  set usedBy(frontEnd: FrontEndDocument | undefined) {
    const changed = frontEnd !== undefined && frontEnd.egress !== this.#usedBy?.egress;
    this.#usedBy = frontEnd;
    if (!changed) return;
    this.#reaches = egressFor(frontEnd.egress);
    for (const target of this.targets.values()) target.confine();
  }

  /** @param connectMs until a connection to a target is given up */
  constructor(document: TargetGroupDocument, connectMs: number = connectTimeoutMs) {
    this.document = document;
    this.#connectMs = connectMs;
  }

  /** Takes over a changed document; targets that stay keep their health and their connections. */
  update(document: TargetGroupDocument, now: number): void {
    const protocolChanged = document.protocol !== this.document.protocol;
    this.document = document;
    const wanted = new Map(document.targets.map((each) => [targetKey(each.id, each.port), each]));
    for (const [key, target] of this.targets) {
      const next = wanted.get(key);
      const moved = next?.address !== target.address || protocolChanged;
      // The same address registered again begins anew.
      const again = next?.registeredAt !== target.document.registeredAt;
      if (!next || moved || again) {
        this.targets.delete(key);
        target.release();
      } else target.document = next;
    }
    for (const [key, each] of wanted) {
      if (!this.targets.has(key) && !this.#drained(each, now)) {
        const reaches: Reaches = (address, port) => this.#reaches(address, port);
        this.targets.set(key, new Target(each, document.protocol, now, reaches, this.#connectMs));
      }
    }
  }

  #drained({ deregisteredAt }: TargetDocument, now: number): boolean {
    return deregisteredAt !== undefined && now >= deregisteredAt + this.#delayMs;
  }

  get #delayMs(): number {
    return this.document.attributes.deregistrationDelaySeconds * 1000;
  }

  /** Targets that drain and have nothing under way, or no time left, are gone. True when some are. */
  endDraining(now: number): boolean {
    let changed = false;
    for (const [key, target] of this.targets) {
      if (target.document.deregisteredAt === undefined) continue;
      const late = this.#drained(target.document, now);
      if (!late && target.outstanding > 0) continue;
      this.targets.delete(key);
      if (late) target.cut();
      else target.release();
      changed = true;
    }
    return changed;
  }

  /** Registered targets, those that drain left out. */
  registered(): Target[] {
    return [...this.targets.values()].filter((target) => target.document.deregisteredAt === undefined);
  }

  healthy(): Target[] {
    return this.registered().filter((target) => target.state === "healthy");
  }

  /**
   * Whoever may get requests: the healthy ones; all of them when fewer are healthy than the group asks for ("fail
   * open"). Source: User Guide, "Target group health".
   */
  eligible(): Target[] {
    const registered = this.registered();
    const healthy = registered.filter((target) => target.state === "healthy");
    const { minimumHealthyCount, minimumHealthyPercentage = 0 } = this.document.attributes;
    const wanted = Math.max(minimumHealthyCount, Math.ceil((registered.length * minimumHealthyPercentage) / 100));
    return healthy.length >= Math.min(wanted, registered.length) && healthy.length > 0 ? healthy : registered;
  }

  /** @param draw a number from 0 (inclusive) to 1 */
  choose(now: number, draw: () => number, preferred?: string): Target | undefined {
    const eligible = this.eligible();
    const sticky = preferred === undefined ? undefined : eligible.find((target) => target.key === preferred);
    if (sticky || eligible.length <= 1) return sticky ?? eligible[0];
    const weights = eligible.map((target) => this.#share(target, now));
    switch (this.document.attributes.algorithm) {
      case "weighted_random":
        return drawn(eligible, weights, draw());
      case "least_outstanding_requests":
        return leastOutstanding(eligible, weights);
      case "round_robin":
        return roundRobin(eligible, weights);
    }
  }

  /** 1, or less during the slow start: from a small share linearly to the full one. */
  #share(target: Target, now: number): number {
    const duration = this.document.attributes.slowStartSeconds * 1000;
    if (duration === 0 || target.slowStartFrom === undefined) return 1;
    const share = (now - target.slowStartFrom) / duration;
    return share >= 1 ? 1 : Math.max(share, 0.02);
  }

  /** Called when a target has become healthy: it starts slowly only beside one that carries the load. */
  startSlowly(target: Target, now: number): void {
    const duration = this.document.attributes.slowStartSeconds * 1000;
    const carriers = this.healthy().filter((each) => each !== target && this.#share(each, now) === 1);
    target.slowStartFrom = duration > 0 && carriers.length > 0 ? now : undefined;
  }

  close(): void {
    for (const target of this.targets.values()) target.release();
    this.targets.clear();
  }
}

function roundRobin(targets: readonly Target[], weights: readonly number[]): Target | undefined {
  let best: Target | undefined;
  let total = 0;
  for (const [index, target] of targets.entries()) {
    const weight = weights[index] ?? 1;
    total += weight;
    target.credit += weight;
    if (best === undefined || target.credit > best.credit + 1e-9) best = target;
  }
  if (best) best.credit -= total;
  return best;
}

/** Of those with the fewest, in turn. */
function leastOutstanding(targets: readonly Target[], weights: readonly number[]): Target | undefined {
  const loads = targets.map((target, index) => target.outstanding / (weights[index] ?? 1));
  const least = Math.min(...loads);
  const few = targets.filter((_, index) => loads[index] === least);
  return roundRobin(
    few,
    few.map(() => 1),
  );
}

function drawn(targets: readonly Target[], weights: readonly number[], draw: number): Target | undefined {
  let left = draw * weights.reduce((sum, weight) => sum + weight, 0);
  for (const [index, target] of targets.entries()) {
    left -= weights[index] ?? 1;
    if (left < 0) return target;
  }
  return targets.at(-1);
}
