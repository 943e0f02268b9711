/**
 * Asks the targets of groups that are in use whether they are well.
 * Source: Elastic Load Balancing User Guide, "Health checks for Application Load Balancer target groups".
 */
import { request as httpRequest, type ClientRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Clock } from "#kernel/clock.ts";
import type { HealthCheckConfig } from "./config.ts";
import { hostOf, type Target, type TargetGroup } from "./targets.ts";

export type CheckResult = { ok: true } | { ok: false; reason: string; description: string };

const userAgent = "ELB-HealthChecker/2.0";

/** Bytes of an answer that are read; the rest is of no interest. */
const mostBytes = 64 * 1024;

export class HealthChecks {
  readonly #clock: Clock;
  readonly #changed: (group: TargetGroup) => void;
  readonly #running = new Map<Target, Checking>();

  constructor(clock: Clock, changed: (group: TargetGroup) => void) {
    this.#clock = clock;
    this.#changed = changed;
  }

  /** Begins with targets that are new, ends with those that are gone or not used; call it after each change of a group. */
  follow(groups: Iterable<TargetGroup>): void {
    const wanted = new Set<Target>();
    for (const group of groups) {
      let changed = false;
      for (const target of group.targets.values()) {
        changed = this.#settle(group, target) || changed;
        if (!group.usedBy || target.document.deregisteredAt !== undefined || !group.document.healthCheck.enabled)
          continue;
        wanted.add(target);
        if (!this.#running.has(target)) {
          this.#running.set(target, new Checking(group, target, this.#clock, () => this.#changed(group)));
        }
      }
      if (changed) this.#changed(group);
    }
    for (const [target, checking] of this.#running) {
      if (wanted.has(target)) continue;
      checking.stop();
      this.#running.delete(target);
    }
  }

  stop(): void {
    for (const checking of this.#running.values()) checking.stop();
    this.#running.clear();
  }

  /** States that follow from the configuration alone. */
  #settle(group: TargetGroup, target: Target): boolean {
    const now = this.#clock.now();
    if (target.document.deregisteredAt !== undefined) {
      return target.to("draining", now, "Target.DeregistrationInProgress", "Target deregistration is in progress");
    }
    if (!group.usedBy) {
      const text = "Target group is not configured to receive traffic from the load balancer";
      return target.to("unused", now, "Target.NotInUse", text);
    }
    if (target.state !== "unused" && target.reason !== "Elb.RegistrationInProgress") return false;
    const text = "Initial health checks in progress";
    return target.to("initial", now, "Elb.InitialHealthChecking", text);
  }
}

/** The checks of one target. */
class Checking {
  readonly #group: TargetGroup;
  readonly #target: Target;
  readonly #clock: Clock;
  readonly #changed: () => void;
  #successes = 0;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;
  #request: Check | undefined;
  #stopped = false;

  constructor(group: TargetGroup, target: Target, clock: Clock, changed: () => void) {
    this.#group = group;
    this.#target = target;
    this.#clock = clock;
    this.#changed = changed;
    this.#check();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#request?.destroy();
  }

  #check(): void {
    const began = performance.now();
    const config = this.#group.document.healthCheck;
    this.#request = checkTarget(this.#target, config, (result) => {
      if (this.#stopped) return;
      this.#take(result, config);
      const pause = config.intervalSeconds * 1000 - (performance.now() - began);
      this.#timer = setTimeout(() => this.#check(), Math.max(pause, 100));
      this.#timer.unref();
    });
  }

  #take(result: CheckResult, config: HealthCheckConfig): void {
    const target = this.#target;
    const now = this.#clock.now();
    if (result.ok) {
      this.#successes++;
      this.#failures = 0;
      // A new target is in service after its first good check.
      const wanted = target.state === "initial" ? 1 : config.healthyThreshold;
      if (target.state === "healthy" || this.#successes < wanted) return;
      target.to("healthy", now);
      this.#group.startSlowly(target, now);
      this.#changed();
      return;
    }
    this.#failures++;
    this.#successes = 0;
    if (this.#failures < config.unhealthyThreshold && target.state !== "unhealthy") return;
    if (target.to("unhealthy", now, result.reason, result.description)) {
      target.slowStartFrom = undefined;
      this.#changed();
    }
  }
}

/** A check under way. */
interface Check {
  destroy(): unknown;
}

/** Calls back exactly once. */
export function checkTarget(target: Target, config: HealthCheckConfig, then: (result: CheckResult) => void): Check {
  const port = config.port === "traffic-port" ? target.port : Number(config.port);
  const send = config.protocol === "HTTPS" ? httpsRequest : httpRequest;
  let done = false;
  const finish = (result: CheckResult): void => {
    if (done) return;
    done = true;
    clearTimeout(timer);
    then(result);
  };
  let request: ClientRequest | undefined;
  const timer = setTimeout(() => {
    finish({ ok: false, reason: "Target.Timeout", description: "Request timed out" });
    request?.destroy();
  }, config.timeoutSeconds * 1000);
  timer.unref();
  // What no security group lets out is dropped: nothing comes back.
  if (!target.reachable(port)) return { destroy: () => clearTimeout(timer) };
  request = send({
    host: target.address,
    port,
    path: config.path,
    method: "GET",
    agent: false,
    // Certificates of targets are not verified, as by the real one.
    rejectUnauthorized: false,
    setHost: false,
    headers: {
      Host: `${hostOf(target.address)}:${port}`,
      "User-Agent": userAgent,
      "Accept-Encoding": "gzip, compressed",
      Connection: "close",
    },
  });
  request.on("error", () => {
    finish({ ok: false, reason: "Target.FailedHealthChecks", description: "Health checks failed" });
  });
  request.on("response", (response) => {
    const status = response.statusCode ?? 0;
    let bytes = 0;
    response.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > mostBytes) request.destroy();
    });
    response.on("error", () => {});
    if (matches(config.matcher, status)) finish({ ok: true });
    else {
      const description = `Health checks failed with these codes: [${status}]`;
      finish({ ok: false, reason: "Target.ResponseCodeMismatch", description });
    }
  });
  request.end();
  return request;
}

/** `200`, `200,202`, `200-299` and lists of these. */
export function matches(matcher: string, status: number): boolean {
  return matcher.split(",").some((part) => {
    const [from = "", to = from] = part.trim().split("-");
    return Number(from) <= status && status <= Number(to);
  });
}
