/** The keys that a crypto user keeps in a cluster or may use, asked of an HSM over the protocol that every application speaks. */
import { connect } from "node:net";
import { HsmError, type HsmKey, type HsmPlane } from "../hsm/contract.ts";
import type { Attribute } from "../hsm/rpc/attributes.ts";
import { RpcClient } from "../hsm/rpc/client.ts";
import { CKA, CKF, CKK, CKO, CKU } from "../hsm/token/constants.ts";

const slot = 1;
/** Handles that one answer brings. */
const atOnce = 256;
/** Longest value of an attribute that is asked for, in bytes. */
const longest = 8 * 1024;

export interface ListedKey extends Omit<HsmKey, "keyId"> {
  /** CKA_ID, hexadecimal, as `pkcs11-tool --id` takes it. */
  keyId: string;
}

const classes = new Map<unknown, HsmKey["class"]>([
  [CKO.SECRET_KEY, "secret"],
  [CKO.PRIVATE_KEY, "private"],
  [CKO.PUBLIC_KEY, "public"],
]);

const kinds = new Map<unknown, HsmKey["kind"]>([
  [CKK.AES, "AES"],
  [CKK.RSA, "RSA"],
  [CKK.EC, "EC"],
]);

/** @throws HsmError */
export async function listKeys(
  plane: HsmPlane,
  clusterId: string,
  credentials: { user: string; password: string },
): Promise<ListedKey[]> {
  // Says in the plane's own words what is wrong: no such cluster, not active, a wrong password.
  const session = await plane.openSession(clusterId, credentials);
  await session.ping().finally(() => session.close());
  const socket = connect((await plane.cluster(clusterId))!.endpoints.socket);
  const client = new RpcClient(socket, socket, { end: () => socket.destroy() });
  try {
    await client.initialize();
    const [session] = await client.call("C_OpenSession", [slot, CKF.SERIAL_SESSION]);
    const at = session as number;
    const pin = Buffer.from(`${credentials.user}:${credentials.password}`);
    await client.call("C_Login", [at, CKU.USER, pin]);
    const keys: ListedKey[] = [];
    for (const handle of await allObjects(client, at)) {
      const key = await described(client, at, handle);
      if (key) keys.push(key);
    }
    return keys;
  } catch (error) {
    throw new HsmError("failed", (error as Error).message, error);
  } finally {
    client.close();
  }
}

async function allObjects(client: RpcClient, session: number): Promise<number[]> {
  await client.call("C_FindObjectsInit", [session, []]);
  const handles: number[] = [];
  for (;;) {
    const [found] = await client.call("C_FindObjects", [session, { room: atOnce }]);
    const some = found as readonly number[];
    handles.push(...some);
    if (some.length < atOnce) break;
  }
  await client.call("C_FindObjectsFinal", [session]);
  return handles;
}

/** `undefined` for what is no key. */
async function described(client: RpcClient, session: number, handle: number): Promise<ListedKey | undefined> {
  const read = async (...types: number[]): Promise<unknown[]> => {
    const rooms = types.map((type) => ({ type, room: longest }));
    const [attributes] = await client.call("C_GetAttributeValue", [session, handle, rooms]);
    return (attributes as Attribute[]).map(({ value }) => value);
  };
  const [objectClass] = await read(CKA.CLASS);
  const found = classes.get(objectClass);
  if (!found) return undefined;
  const [id, label, keyId, type] = await read(CKA.UNIQUE_ID, CKA.LABEL, CKA.ID, CKA.KEY_TYPE);
  const [extractable] = found === "public" ? [1] : await read(CKA.EXTRACTABLE);
  return {
    id: String(id),
    label: String(label),
    keyId: Buffer.from(keyId as Uint8Array).toString("hex"),
    kind: kinds.get(type) ?? "GENERIC",
    class: found,
    extractable: extractable === 1,
  };
}
