/** What the network of this machine offers: names, packet filter, connection tracking. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { wildcardResolves } from "../awsEnvironment.ts";
import { findProgram } from "../awsProgram.ts";
import type { Cli } from "../cli.ts";
import type { Check, CheckResult } from "./check.ts";

export const networkChecks: readonly Check[] = [
  {
    id: "wildcard-names",
    name: (cli) => cli.text.checkWildcard,
    run: async (cli) =>
      (await wildcardResolves())
        ? { state: "ok", detail: cli.text.wildcardWorks }
        : { state: "warning", detail: cli.text.wildcardFails, fix: cli.text.wildcardFix },
  },
  { id: "nftables", name: (cli) => cli.text.checkNftables, run: nftables },
  { id: "conntrack", name: (cli) => cli.text.checkConntrack, run: conntrack },
];

/** Asks the kernel: a program on PATH alone says nothing about containers without CAP_NET_ADMIN. */
function nftables(cli: Cli): CheckResult {
  const { text } = cli;
  const env = { ...cli.host.env, PATH: `${cli.host.env["PATH"] ?? ""}:/usr/sbin:/sbin` };
  const path = findProgram("nft", env);
  if (!path) return { state: "unavailable", detail: text.programMissing("nft"), fix: text.needsPackage("nftables") };
  const { status, stderr } = spawnSync(path, ["list", "tables"], { encoding: "utf8", timeout: 10_000 });
  if (status === 0) return { state: "ok", detail: text.programThere(path) };
  const why = stderr.trim().split("\n")[0] ?? "";
  return { state: "unavailable", detail: `${text.needsRoot("nftables")}: ${why}`, fix: text.notRootFix };
}

function conntrack(cli: Cli): CheckResult {
  return existsSync("/proc/sys/net/netfilter/nf_conntrack_max")
    ? { state: "ok", detail: cli.text.conntrackThere }
    : { state: "unavailable", detail: cli.text.conntrackMissing, fix: cli.text.conntrackFix };
}
