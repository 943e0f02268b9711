/** A backup of a cluster: everything acknowledged, closed under the installation's secret. Keys are besides under passwords. */
import { gunzipSync, gzipSync } from "node:zlib";
import { HsmError, type HsmBackup } from "../contract.ts";
import { BoxError, close, derive, open } from "../vault/box.ts";
import type { ClusterContent } from "./cluster.ts";

const magic = Buffer.from("JHSMB1\n");
const purpose = "backup";
const largest = 1024 * 1024 * 1024;

export interface BackupContent extends ClusterContent {
  clusterId: string;
}

export function writeBackup(secret: Buffer, content: BackupContent): HsmBackup {
  const box = close(keyOf(secret), purpose, gzipSync(JSON.stringify(content)));
  const kinds = content.entries.map(({ record }) => record?.kind);
  return {
    data: Buffer.concat([magic, box]),
    clusterId: content.clusterId,
    backend: content.identity.backend,
    users: kinds.filter((kind) => kind === "user").length,
    objects: kinds.filter((kind) => kind === "object").length,
  };
}

/** @throws HsmError `backup-invalid` */
export function readBackup(secret: Buffer, data: Uint8Array): BackupContent {
  const bytes = Buffer.from(data);
  try {
    if (!bytes.subarray(0, magic.length).equals(magic)) throw new BoxError();
    const packed = open(keyOf(secret), purpose, bytes.subarray(magic.length));
    return JSON.parse(gunzipSync(packed, { maxOutputLength: largest }).toString("utf8")) as BackupContent;
  } catch (error) {
    throw new HsmError("backup-invalid", "this is no backup of an HSM of this installation, or it was changed", error);
  }
}

function keyOf(secret: Buffer): Buffer {
  return derive(secret, Buffer.alloc(0), "jikimi-hsm/backup");
}
