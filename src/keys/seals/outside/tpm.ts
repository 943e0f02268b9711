/**
 * The root sealed to the TPM 2.0 of this machine, through tpm2-tools: an object under a primary key of the owner hierarchy,
 * which is made anew from the TPM's own seed each time, so it opens on this machine only. With PCRs named, it opens only
 * while these have the values of when it was sealed: the firmware, boot loader and kernel that were measured then.
 * Source: tpm2-tools(1), tpm2_create, tpm2_unseal, tpm2_policypcr; TCG "TPM 2.0 Library, Part 1", 19.7, 23.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type OutsideKind, OutsideFailure, type Parameters, textOf } from "./kind.ts";
import { tool as run } from "./tool.ts";

const pcrForm = /^\d{1,2}(,\d{1,2})*$/;

export const tpmKind: OutsideKind = {
  wrap: (root, parameters) =>
    inFolder(async (folder) => {
      const at = (name: string): string => join(folder, name);
      const pcrs = pcrsOf(parameters);
      await primary(folder);
      const policy = pcrs === undefined ? [] : ["-L", at("policy")];
      if (pcrs !== undefined) {
        await tool("tpm2_startauthsession", ["-S", at("trial")]);
        try {
          await tool("tpm2_policypcr", ["-S", at("trial"), "-l", `sha256:${pcrs}`, "-L", at("policy")]);
        } finally {
          await tool("tpm2_flushcontext", [at("trial")]);
        }
      }
      // Without userwithauth the policy is the only way.
      const attributes = `fixedtpm|fixedparent|noda${pcrs === undefined ? "|userwithauth" : ""}`;
      const files = ["-C", at("primary"), "-u", at("public"), "-r", at("private"), "-i", "-"];
      await tool("tpm2_create", [...files, "-a", attributes, ...policy], root);
      await flush();
      const [publicPart, privatePart] = [await readFile(at("public")), await readFile(at("private"))];
      return { ...parameters, public: publicPart.toString("base64"), private: privatePart.toString("base64") };
    }),
  unwrap: (parameters) =>
    inFolder(async (folder) => {
      const at = (name: string): string => join(folder, name);
      const pcrs = pcrsOf(parameters);
      await primary(folder);
      await writeFile(at("public"), Buffer.from(textOf(parameters, "public"), "base64"));
      await writeFile(at("private"), Buffer.from(textOf(parameters, "private"), "base64"));
      await tool("tpm2_load", ["-C", at("primary"), "-u", at("public"), "-r", at("private"), "-c", at("object")]);
      await flush();
      return await tool("tpm2_unseal", [
        "-c",
        at("object"),
        ...(pcrs === undefined ? [] : ["-p", `pcr:sha256:${pcrs}`]),
      ]);
    }),
};

function pcrsOf(parameters: Parameters): string | undefined {
  const pcrs = parameters["pcrs"];
  if (pcrs === undefined) return undefined;
  if (typeof pcrs !== "string" || !pcrForm.test(pcrs)) throw new OutsideFailure("PCRs are numbers, e.g. 0,7");
  return pcrs;
}

async function primary(folder: string): Promise<void> {
  await tool("tpm2_createprimary", ["-Q", "-C", "o", "-g", "sha256", "-G", "ecc", "-c", join(folder, "primary")]);
  await flush();
}

/** A TPM without a resource manager has room for three objects. With one, this is done already. */
const flush = (): Promise<unknown> => tool("tpm2_flushcontext", ["-t"]).catch(() => undefined);

function tool(name: string, args: readonly string[], input?: Uint8Array): Promise<Buffer> {
  return run(name, "tpm2-tools", args, input);
}

/** Contexts and the two halves of the object: nothing of it is secret. */
async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "jikimi-tpm-"));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
