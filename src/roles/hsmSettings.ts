/**
 * How HSMs are served, as the operator says it. What is said and cannot be used ends the start.
 *
 *     JIKIMI_HSM_SOCKETS     folder of the applications' sockets; everybody on the machine may then connect. Unless given,
 *                            they are in the data folder, for its owner only
 *     JIKIMI_HSM_USER        user of the HSMs' processes (root only): a name of /etc/passwd, or uid:gid
 *     JIKIMI_PKCS11_MODULE   what holds the keys of new clusters: `softhsm`, `embedded`, or the path of a PKCS #11 module.
 *                            Unless given, SoftHSM where it is installed with p11-kit, and the embedded token where it is
 *                            not, or where JIKIMI_HSM_USER is set
 *     JIKIMI_PKCS11_TOKEN    label of the token, which is there already; of SoftHSM, tokens are made
 *     JIKIMI_PKCS11_PIN_FILE file with that token's PIN
 */
import { readFileSync } from "node:fs";
import { isAbsolute } from "node:path";
import { embeddedBackend, moduleBackend, usualBackend, type ChosenBackend } from "../hsm/plane/backends.ts";
import { hsmPaths } from "./hsmPlane.ts";

export interface HsmSettings {
  socketFolder: string;
  sharedSockets: boolean;
  backend: ChosenBackend;
  owner?: { uid: number; gid: number };
}

export function hsmSettings(env: NodeJS.ProcessEnv, dataDir: string): HsmSettings {
  const sockets = env["JIKIMI_HSM_SOCKETS"];
  if (sockets && !isAbsolute(sockets)) throw new Error(`JIKIMI_HSM_SOCKETS: ${sockets} is not an absolute path`);
  const owner = ownerOf(env["JIKIMI_HSM_USER"]);
  return {
    socketFolder: sockets || hsmPaths.applications(dataDir),
    sharedSockets: Boolean(sockets),
    backend: backendOf(env),
    ...(owner ? { owner } : {}),
  };
}

function backendOf(env: NodeJS.ProcessEnv): ChosenBackend {
  const module = env["JIKIMI_PKCS11_MODULE"];
  if (!module || module === "embedded") {
    if (env["JIKIMI_PKCS11_TOKEN"] || env["JIKIMI_PKCS11_PIN_FILE"])
      throw new Error("JIKIMI_PKCS11_TOKEN: JIKIMI_PKCS11_MODULE has to name its module");
    // A module reads its token by itself, which another user than the owner of the data folder cannot.
    return module || env["JIKIMI_HSM_USER"] ? embeddedBackend : usualBackend(env["PATH"] ?? "");
  }
  if (module !== "softhsm" && !isAbsolute(module))
    throw new Error(`JIKIMI_PKCS11_MODULE: ${module} is not an absolute path`);
  if (env["JIKIMI_HSM_USER"])
    throw new Error("JIKIMI_HSM_USER: a module's process cannot read the data folder as another user");
  const label = env["JIKIMI_PKCS11_TOKEN"];
  const pinFile = env["JIKIMI_PKCS11_PIN_FILE"];
  if (Boolean(label) !== Boolean(pinFile))
    throw new Error("JIKIMI_PKCS11_TOKEN and JIKIMI_PKCS11_PIN_FILE go together");
  return moduleBackend({ module, path: env["PATH"] ?? "", ...(label && pinFile ? { token: { label, pinFile } } : {}) });
}

function ownerOf(text: string | undefined): { uid: number; gid: number } | undefined {
  if (!text) return undefined;
  if (process.getuid?.() !== 0) throw new Error("JIKIMI_HSM_USER: only root starts processes of another user");
  const [, uid, gid] = /^(\d{1,9}):(\d{1,9})$/.exec(text) ?? namedUser(text);
  if (!uid || !gid || uid === "0") throw new Error(`JIKIMI_HSM_USER: ${text} is no unprivileged user of this machine`);
  return { uid: Number(uid), gid: Number(gid) };
}

function namedUser(name: string): string[] {
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((each) => each.startsWith(`${name}:`));
  const [, , uid = "", gid = ""] = line?.split(":") ?? [];
  return [name, uid, gid];
}
