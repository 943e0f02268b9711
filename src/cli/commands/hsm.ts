import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { Argument, Option } from "commander";
import {
  adminPaths,
  type AdminHsmKey,
  type AdminHsms,
  type AdminHsmUser,
  type AdminQuorumToken,
} from "../../roles/adminContract.ts";
import { CliError, exitCodes } from "../cliError.ts";
import type { Cli, GlobalOptions } from "../cli.ts";
import { type Instance, runningInstance } from "../instance.ts";
import { defineCommand } from "../program.ts";
import { guessShell, type Shell, shells, shellWords } from "../shellLines.ts";
import { HsmPasswords } from "./hsmPasswords.ts";
import { pkcs11Variables } from "./hsmPkcs11.ts";

interface Options {
  cluster?: string;
  as: string;
  role: string;
  passwordFile?: string;
  newPasswordFile?: string;
  publicKey?: string;
  quorum?: string;
  shell?: Shell;
}

type Given = GlobalOptions & Options;

/** What an action works with. */
interface Call {
  cli: Cli;
  options: Given;
  words: readonly string[];
  passwords: HsmPasswords;
  cluster(): Promise<AdminHsms["clusters"][number]>;
  post<T>(action: string, more?: Record<string, unknown>): Promise<T>;
  /** Who acts, with the password and the approvals that were given. */
  acting(): Promise<Record<string, unknown>>;
}

interface Action {
  /** Names of the words that have to follow. */
  words?: readonly string[];
  run(call: Call): Promise<void>;
}

const firstOfficer = "admin";

const actions: Readonly<Record<string, Action>> = {
  activate: {
    async run(call) {
      const newPassword = await call.passwords.newOf(firstOfficer, call.options.newPasswordFile);
      done(call, await call.post("activate", { newPassword }));
    },
  },
  "user list": {
    async run(call) {
      const users = await call.post<AdminHsmUser[]>("users");
      const { cli, options } = call;
      if (options.json) return cli.printJson({ users });
      cli.printRows(users.map((user) => [user.name, `${user.role}${user.locked ? `  ${cli.text.hsmLocked}` : ""}`]));
    },
  },
  "user create": {
    words: ["name"],
    async run(call) {
      const [name = ""] = call.words;
      const acting = await call.acting();
      const newPassword = await call.passwords.newOf(name, call.options.newPasswordFile);
      done(call, await call.post("create-user", { ...acting, name, role: call.options.role, newPassword }));
    },
  },
  "user delete": {
    words: ["name"],
    run: async (call) => done(call, await call.post("delete-user", { ...(await call.acting()), name: call.words[0] })),
  },
  "user change-password": {
    words: ["name"],
    async run(call) {
      const [name = ""] = call.words;
      const acting = await call.acting();
      const newPassword = await call.passwords.newOf(name, call.options.newPasswordFile);
      done(call, await call.post("change-password", { ...acting, name, newPassword }));
    },
  },
  "quorum show": {
    async run(call) {
      const needed = await call.post<Record<string, number>>("quorum");
      if (call.options.json) return call.cli.printJson(needed);
      call.cli.printRows(Object.entries(needed).map(([service, approvals]) => [service, String(approvals)]));
    },
  },
  "quorum set": {
    words: ["service", "approvals"],
    async run(call) {
      const [service, approvals] = call.words;
      done(call, await call.post("set-quorum", { ...(await call.acting()), service, approvals: Number(approvals) }));
    },
  },
  "quorum register": {
    async run(call) {
      const { cli, options } = call;
      if (options.publicKey === undefined) throw usage(cli, cli.text.hsmPublicKeyNeeded);
      const publicKey = file(cli, options.publicKey);
      done(call, await call.post("register-quorum-key", { ...(await call.acting()), publicKey }));
    },
  },
  /** Always JSON: it goes to the approvers. */
  "quorum token": {
    words: ["service"],
    async run(call) {
      const asked = { ...(await call.acting()), service: call.words[0] };
      call.cli.printJson(await call.post<AdminQuorumToken>("quorum-token", asked));
      call.cli.note(call.cli.text.hsmTokenHint);
    },
  },
  "key list": {
    async run(call) {
      const { cli, options } = call;
      const keys = await call.post<AdminHsmKey[]>("keys", await call.acting());
      if (options.json) return cli.printJson({ keys });
      cli.printRows(keys.map((key) => [key.id, [key.kind, key.class, key.keyId, key.label].join("  ")]));
    },
  },
  "key share": { words: ["key", "user"], run: (call) => sharing(call, "share-key") },
  "key unshare": { words: ["key", "user"], run: (call) => sharing(call, "unshare-key") },
  pkcs11: {
    async run({ cli, options, cluster }) {
      const variables = pkcs11Variables(cli, await cluster());
      if (options.json) return cli.printJson(variables);
      const words = shellWords[options.shell ?? guessShell(cli.host.env)];
      for (const [name, value] of Object.entries(variables)) cli.print(words.set(name, value));
      if (cli.host.stdout.isTTY) cli.print(`# ${cli.text.hsmPkcs11Hint(words.evaluate("jikimi hsm pkcs11"))}`);
    },
  },
};

/** Each action with the words that follow it. */
const forms = [
  "status",
  ...Object.entries(actions).map(([name, { words = [] }]) => [name, ...words.map((word) => `<${word}>`)].join(" ")),
].join(", ");

/** Clusters of hardware security modules, as their officers and the operator work with them. */
export const hsm = defineCommand<Options>({
  name: "hsm",
  about: (cli) => cli.text.aboutHsm,
  arguments: (cli) => [new Argument("[words...]", cli.text.argumentHsm(forms))],
  options: (cli) => [
    new Option("--cluster <id>", cli.text.optionHsmCluster),
    new Option("--as <user>", cli.text.optionHsmAs).default(firstOfficer),
    new Option("--role <role>", cli.text.optionHsmRole).choices(["crypto-user", "admin"]).default("crypto-user"),
    new Option("--password-file <file>", cli.text.optionHsmPasswordFile),
    new Option("--new-password-file <file>", cli.text.optionHsmNewPasswordFile),
    new Option("--public-key <file>", cli.text.optionHsmPublicKey),
    new Option("--quorum <file>", cli.text.optionHsmQuorum),
    new Option("--shell <shell>", cli.text.optionShell).choices(shells),
  ],
  async run(cli, options, words) {
    const instance = runningInstance(cli, options);
    if (words.length === 0 || (words.length === 1 && words[0] === "status")) return status(cli, options, instance);
    const name = Object.keys(actions).find((each) => each === words.slice(0, each.split(" ").length).join(" "));
    const action = name === undefined ? undefined : actions[name];
    const rest = words.slice(name?.split(" ").length ?? 0);
    if (!action) throw usage(cli, cli.text.badChoice(words.join(" "), forms));
    const wanted = action.words ?? [];
    if (rest.length !== wanted.length)
      throw usage(cli, cli.text.hsmWordsNeeded(name!, wanted.map((w) => `<${w}>`).join(" ")));
    await action.run(callOf(cli, options, instance, rest));
  },
});

function callOf(cli: Cli, options: Given, instance: Instance, words: readonly string[]): Call {
  const passwords = new HsmPasswords(cli);
  const cluster = (): ReturnType<Call["cluster"]> => chosen(cli, options, instance);
  return {
    cli,
    options,
    words,
    passwords,
    cluster,
    post: async (action, more = {}) =>
      instance.post(adminPaths.hsm, { action, clusterId: (await cluster()).clusterId, ...more }),
    acting: async () => ({
      user: options.as,
      password: await passwords.of(options.as, options.passwordFile),
      ...(options.quorum === undefined ? {} : { quorum: json(cli, options.quorum) }),
    }),
  };
}

/** The one that is named; the only one where there is one only. */
async function chosen(cli: Cli, options: Given, instance: Instance): Promise<AdminHsms["clusters"][number]> {
  const { clusters } = await instance.get<AdminHsms>(adminPaths.hsm);
  const [first, ...others] = named(cli, options, clusters);
  if (first === undefined) throw new CliError(cli.text.noHsmClusters, { fix: cli.text.noHsmClustersFix });
  if (others.length > 0) throw usage(cli, cli.text.hsmManyClusters(ids(clusters)), cli.text.hsmClusterFix);
  return first;
}

/** All, unless one is named. */
function named(cli: Cli, { cluster: id }: Given, clusters: AdminHsms["clusters"]): AdminHsms["clusters"] {
  const found = clusters.filter(({ clusterId }) => id === undefined || clusterId === id);
  if (id === undefined || found.length > 0 || clusters.length === 0) return found;
  throw usage(cli, cli.text.badChoice(id, ids(clusters)), cli.text.hsmClusterFix);
}

const ids = (clusters: AdminHsms["clusters"]): string => clusters.map(({ clusterId }) => clusterId).join(", ");

async function status(cli: Cli, options: Given, instance: Instance): Promise<void> {
  const { backend, clusters: all } = await instance.get<AdminHsms>(adminPaths.hsm);
  const clusters = named(cli, options, all);
  if (options.json) return cli.printJson({ backend, clusters });
  if (backend.available) cli.print(backend.description);
  else cli.warn(cli.text.hsmUnavailable(backend.reason));
  if (clusters.length === 0) cli.print(cli.text.noHsmClusters);
  for (const { clusterId, accountId, region, state, hsms, socket, backend: own } of clusters) {
    const place = [state, accountId, region, ...(own === undefined ? [] : [own])];
    cli.print(`${cli.look("bold", clusterId)}  ${place.join("  ")}`);
    cli.printRows([
      ...hsms.map((each): [string, string] => [each.hsmId, `${each.state}  ${health(cli, each)}`]),
      ...(socket === undefined ? [] : [["socket", socket] as [string, string]]),
    ]);
  }
}

function health({ text }: Cli, each: AdminHsms["clusters"][number]["hsms"][number]): string {
  if (!each.alive) return text.hsmDead;
  return each.inStep ? text.hsmInStep : text.hsmBehind;
}

async function sharing(call: Call, action: string): Promise<void> {
  const [keyId, name] = call.words;
  done(call, await call.post(action, { ...(await call.acting()), keyId, name }));
}

function done({ cli, options }: Call, answer: unknown): void {
  if (options.json) cli.printJson(answer);
  else cli.print(cli.text.hsmDone);
}

function file(cli: Cli, path: string): string {
  try {
    return readFileSync(resolve(cli.host.cwd, path), "utf8");
  } catch (error) {
    throw new CliError(cli.text.hsmNoFile(path), { why: (error as Error).message });
  }
}

function json(cli: Cli, path: string): unknown {
  const text = file(cli, path);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CliError(cli.text.hsmNoFile(path), { why: (error as Error).message });
  }
}

function usage(cli: Cli, what: string, fix = cli.text.usageFix): CliError {
  return new CliError(what, { fix, exitCode: exitCodes.usage });
}
