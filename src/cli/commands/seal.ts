import { resolve } from "node:path";
import { Argument, Option } from "commander";
import {
  adminPaths,
  type AdminRekey,
  type AdminSealKey,
  type AdminSealState,
  type AdminStatus,
} from "../../roles/adminContract.ts";
import { parseSeal } from "../../roles/seal.ts";
import { SealKeeper, secretFor } from "../../roles/sealSecrets.ts";
import { CliError, exitCodes } from "../cliError.ts";
import type { Cli, GlobalOptions } from "../cli.ts";
import { type Instance, runningInstance } from "../instance.ts";
import { takePassphrase, typed } from "../passphrase.ts";
import { defineCommand } from "../program.ts";
import { printShares } from "../shares.ts";

type SealOptions = GlobalOptions & { to?: string; passphraseFile?: string };

export const seal = defineCommand<{ to?: string; passphraseFile?: string }>({
  name: "seal",
  about: (cli) => cli.text.aboutSeal,
  arguments: (cli) => [new Argument("[action]", cli.text.argumentSeal).choices(["status", "rekey"])],
  options: (cli) => [
    new Option("--to <seal>", cli.text.optionTo),
    new Option("--passphrase-file <file>", cli.text.optionPassphraseFile),
  ],
  async run(cli, options, [action]) {
    const instance = runningInstance(cli, options);
    if (action === "rekey") return await rekey(cli, instance, options);
    if (options.to !== undefined) throw usage(cli, cli.text.rekeyOnly);
    if (action === "status") {
      showState(cli, options, (await instance.get<AdminStatus>(adminPaths.status)).seal);
      return;
    }
    const state = await instance.post(adminPaths.seal);
    if (options.json) cli.printJson(state);
    else cli.print(cli.text.sealed);
  },
});

export const unseal = defineCommand<{ passphraseFile?: string }>({
  name: "unseal",
  about: (cli) => cli.text.aboutUnseal,
  options: (cli) => [new Option("--passphrase-file <file>", cli.text.optionPassphraseFile)],
  async run(cli, options) {
    const instance = runningInstance(cli, options);
    const { seal: before } = await instance.get<AdminStatus>(adminPaths.status);
    const state =
      before.seal === "shamir"
        ? await enterShares(cli, instance, before)
        : askedOutside.has(before.seal)
          ? await instance.post<AdminSealState>(adminPaths.unseal)
          : await offer(instance, await takePassphrase(cli, options.passphraseFile));
    if (!state.sealed && !options.json) cli.print(cli.text.unsealed);
    else showState(cli, options, state);
    return state.sealed ? exitCodes.failure : exitCodes.ok;
  },
});

/** argon2id on a busy machine. Milliseconds. */
const unsealMs = 90_000;

/** Nobody has their secret: what keeps it is asked once more. */
const askedOutside: ReadonlySet<string> = new Set(["kms", "xks", "pkcs11", "tpm", "development"]);

/** Encrypted to the key holder: nothing on the way there can read it. */
async function offer(instance: Instance, secret: string): Promise<AdminSealState> {
  const { publicKey, others } = await instance.get<AdminSealKey>(adminPaths.sealKey);
  const boxes = Object.fromEntries([publicKey, ...others].map((key) => [key, secretFor(key, secret)]));
  return await instance.post(adminPaths.unseal, { boxes }, unsealMs);
}

/** From a terminal one after the other until it is open; from elsewhere one a line, as many as there are. */
async function enterShares(cli: Cli, instance: Instance, before: AdminSealState): Promise<AdminSealState> {
  let state = before;
  const { stdin } = cli.host;
  if (!stdin.isTTY) {
    const lines = (await takePassphrase(cli, undefined)).split(/\r?\n/).map((line) => line.trim());
    for (const line of lines) if (line !== "" && state.sealed) state = await offer(instance, line);
    return state;
  }
  while (state.sealed) {
    const share = (await typed(cli, cli.text.sharePrompt(state.shares?.entered ?? 0, state.shares?.needed))).trim();
    if (share === "") return state;
    try {
      state = await offer(instance, share);
    } catch (error) {
      if (!(error instanceof CliError) || error.exitCode === exitCodes.notRunning) throw error;
      cli.warn(`${error.message}: ${error.why ?? ""}`);
      state = (await instance.get<AdminStatus>(adminPaths.status)).seal;
    }
  }
  return state;
}

/** The old seal holds until what the new one hands out has been shown, and, at a terminal, until that is confirmed. */
async function rekey(cli: Cli, instance: Instance, options: SealOptions): Promise<void> {
  const { text } = cli;
  const to = options.to === undefined ? undefined : parseSeal(options.to);
  if (!to) throw usage(cli, text.badSeal(options.to ?? ""), text.badSealFix);
  const keeper = new SealKeeper();
  const asked: Record<string, string> = { to: options.to!, recipient: keeper.publicKey };
  if (to.kind === "passphrase") {
    const passphrase = await newPassphrase(cli, options.passphraseFile);
    const { publicKey } = await instance.get<AdminSealKey>(adminPaths.sealKey);
    asked["secret"] = secretFor(publicKey, passphrase);
    if (options.passphraseFile !== undefined) asked["passphraseFile"] = resolve(cli.host.cwd, options.passphraseFile);
  }
  const { id, handedOut } = await instance.post<AdminRekey>(adminPaths.rekey, asked);
  const shares = handedOut === undefined ? undefined : keeper.lines(handedOut);
  if (shares && options.json) cli.printJson({ shares });
  else if (shares) printShares(cli, shares);
  if (shares && cli.host.stdin.isTTY && !options.json) await confirmed(cli);
  const state = await instance.post<AdminSealState>(adminPaths.confirmRekey, { id });
  if (options.json) return cli.printJson(state);
  cli.print(text.rekeyed(state.seal));
  if (state.sealed) cli.warn(text.rekeyedElsewhere);
}

/** Typed twice at a terminal: nobody can see what was typed. */
async function newPassphrase(cli: Cli, file: string | undefined): Promise<string> {
  const passphrase = await takePassphrase(cli, file, cli.text.newPassphrasePrompt);
  if (file !== undefined || !cli.host.stdin.isTTY) return passphrase;
  if ((await typed(cli, cli.text.againPrompt)) !== passphrase) throw usage(cli, cli.text.passphrasesDiffer);
  return passphrase;
}

async function confirmed(cli: Cli): Promise<void> {
  const answer = await typed(cli, cli.text.sharesKept);
  if (answer.trim().toLowerCase() !== "yes") throw usage(cli, cli.text.rekeyGivenUp);
}

function showState(cli: Cli, options: GlobalOptions, state: AdminSealState): void {
  const { text } = cli;
  if (options.json) return cli.printJson(state);
  cli.print(state.sealed ? text.sealClosed(state.seal, state.reason) : text.sealOpen(state.seal));
  if (state.shares) cli.print(text.sharesEntered(state.shares.entered, state.shares.needed));
  if (state.development) cli.warn(text.developmentSeal);
}

function usage(cli: Cli, what: string, fix = cli.text.usageFix): CliError {
  return new CliError(what, { fix, exitCode: exitCodes.usage });
}
