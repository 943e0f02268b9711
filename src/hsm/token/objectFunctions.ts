/** Objects: making, finding, telling, changing, destroying. Source: PKCS #11 2.40, 5.7. */
import type { Attribute, AttributeRoom } from "../rpc/attributes.ts";
import type { RpcName } from "../rpc/calls.ts";
import type { HsmApplication } from "./application.ts";
import { roomOf, templateOf, type Handler } from "./arguments.ts";
import { AttributeSet } from "./attributeSet.ts";
import type { ObjectClass } from "./attributeRules.ts";
import type { KeyReference } from "./backend.ts";
import { CKA, CKK, CKO, CKR, Failure } from "./constants.ts";
import { privateKeyOf, publicAttributes, publicKeyOf } from "./publicKeys.ts";
import type { SeenObject, Session } from "./session.ts";

export const objectFunctions: Partial<Record<RpcName, Handler>> = {
  C_CreateObject: async (application, [session, template]) => {
    const active = application.session(session);
    const { attributes, key } = await created(application, active, templateOf(template));
    return [await keepObject(application, active, attributes, key)];
  },

  C_DestroyObject: async (application, [session, handle]) => {
    const { writable } = application.session(session);
    const object = application.object(handle);
    if (!object.attributes.flag(CKA.DESTROYABLE)) throw new Failure(CKR.ACTION_PROHIBITED);
    if (object.open) {
      if (!writable) throw new Failure(CKR.SESSION_READ_ONLY);
      const reference = object.key && { ...object.key, reference: Buffer.from(object.key.reference) };
      const { file } = await application.token.vault.destroy(application.login, object.open.id);
      // A key whose file is known is gone from every HSM's token with its record.
      if (reference && file === undefined) await application.token.backend.destroy(reference, true);
    } else {
      application.objects.drop(object.handle);
      if (object.key) await application.token.backend.destroy(object.key, false);
    }
    return [];
  },

  C_GetAttributeValue: async (application, [session, handle, rooms]) => {
    application.session(session);
    const object = application.object(handle);
    const asked = rooms as readonly AttributeRoom[];
    const value = asked.some(({ type }) => type === CKA.VALUE) ? await tellableValue(application, object) : undefined;
    const { attributes, code } = object.attributes.tell(asked, value);
    return [attributes, code];
  },

  C_SetAttributeValue: async (application, [session, handle, template]) => {
    const { writable } = application.session(session);
    const { open, attributes, key } = application.object(handle);
    if (!attributes.flag(CKA.MODIFIABLE)) throw new Failure(CKR.ACTION_PROHIBITED);
    const changed = attributes.changed(templateOf(template));
    if (open) {
      if (!writable) throw new Failure(CKR.SESSION_READ_ONLY);
      await application.token.vault.change(application.login, open, { attributes: changed, ...(key ? { key } : {}) });
    } else application.objects.replace(handle as number, changed);
    return [];
  },

  C_FindObjectsInit: (application, [session, template]) => {
    const active = application.session(session);
    if (active.found) throw new Failure(CKR.OPERATION_ACTIVE);
    const wanted = templateOf(template);
    // Who is not signed in sees nothing; that is no error.
    active.found = application.isSignedIn
      ? [...application.visible()].filter(({ attributes }) => attributes.matches(wanted)).map(({ handle }) => handle)
      : [];
    return [];
  },

  C_FindObjects: (application, [session, room]) => {
    const { found } = application.session(session);
    if (!found) throw new Failure(CKR.OPERATION_NOT_INITIALIZED);
    return [found.splice(0, roomOf(room))];
  },

  C_FindObjectsFinal: (application, [session]) => {
    const active = application.session(session);
    if (!active.found) throw new Failure(CKR.OPERATION_NOT_INITIALIZED);
    delete active.found;
    return [];
  },
};

/** Keeps an object where its template says: in the token, or until the session ends. Gives its handle. */
export async function keepObject(
  application: HsmApplication,
  session: Session,
  attributes: AttributeSet,
  key: KeyReference | undefined,
): Promise<number> {
  if (!attributes.flag(CKA.TOKEN)) return application.objects.addSessionObject(session.handle, attributes, key);
  const { vault, backend } = application.token;
  try {
    vault.expectRoom();
  } catch (error) {
    if (key) await backend.destroy(key, true);
    throw error;
  }
  const open = await vault.create(application.login, { attributes, ...(key ? { key } : {}) });
  return application.objects.handleOf(open);
}

/** INVARIANT: asked before a key is made, so that no key is made that cannot be kept. */
export function expectWritable(session: Session, attributes: AttributeSet): void {
  if (attributes.flag(CKA.TOKEN) && !session.writable) throw new Failure(CKR.SESSION_READ_ONLY);
}

async function tellableValue({ token }: HsmApplication, { attributes, key }: SeenObject): Promise<Buffer | undefined> {
  if (attributes.class !== CKO.SECRET_KEY || !key) return undefined;
  if (attributes.flag(CKA.SENSITIVE) || !attributes.flag(CKA.EXTRACTABLE)) return undefined;
  return token.backend.export(key);
}

async function created(
  application: HsmApplication,
  session: Session,
  template: readonly Attribute[],
): Promise<{ attributes: AttributeSet; key?: KeyReference }> {
  void application.login;
  const objectClass = template.find(({ type }) => type === CKA.CLASS)?.value;
  if (objectClass === undefined) throw new Failure(CKR.TEMPLATE_INCOMPLETE);
  if (!Object.values(CKO).includes(objectClass as ObjectClass)) throw new Failure(CKR.ATTRIBUTE_VALUE_INVALID);
  const attributes = AttributeSet.from(objectClass as ObjectClass, template);
  expectWritable(session, attributes);
  if (attributes.class === CKO.SECRET_KEY) return importSecret(application, attributes);
  if (attributes.class === CKO.PRIVATE_KEY) return importPrivate(application, attributes);
  if (attributes.class === CKO.PUBLIC_KEY) {
    const spki = publicKeyOf(attributes).export({ format: "der", type: "spki" });
    for (const [type, value] of publicAttributes(spki, "public")) attributes.put(type, value);
  }
  if (attributes.class === CKO.CERTIFICATE) attributes.require(CKA.VALUE);
  return { attributes };
}

async function importSecret(
  { token }: HsmApplication,
  attributes: AttributeSet,
): Promise<{ attributes: AttributeSet; key: KeyReference }> {
  const value = attributes.require(CKA.VALUE);
  const type = secretType(attributes.number(CKA.KEY_TYPE));
  if (type === "AES" ? ![16, 24, 32].includes(value.length) : value.length > 512)
    throw new Failure(CKR.ATTRIBUTE_VALUE_INVALID);
  const key = await token.backend.importSecret(type, value, keyOptions(attributes));
  attributes.put(CKA.VALUE, undefined);
  attributes.put(CKA.VALUE_LEN, value.length);
  value.fill(0);
  return { attributes, key };
}

const privateParts = [
  CKA.PRIVATE_EXPONENT,
  CKA.PRIME_1,
  CKA.PRIME_2,
  CKA.EXPONENT_1,
  CKA.EXPONENT_2,
  CKA.COEFFICIENT,
  CKA.VALUE,
];

async function importPrivate(
  { token }: HsmApplication,
  attributes: AttributeSet,
): Promise<{ attributes: AttributeSet; key: KeyReference }> {
  const { type, pkcs8, spki } = privateKeyOf(attributes);
  const key = await token.backend.importPrivate(type, pkcs8, keyOptions(attributes));
  for (const part of privateParts) {
    attributes.bytes(part)?.fill(0);
    attributes.put(part, undefined);
  }
  for (const [attribute, value] of publicAttributes(spki, "private")) attributes.put(attribute, value);
  return { attributes, key };
}

export function secretType(keyType: number | undefined): "AES" | "GENERIC" {
  if (keyType === CKK.AES) return "AES";
  if (keyType === CKK.GENERIC_SECRET) return "GENERIC";
  throw new Failure(keyType === undefined ? CKR.TEMPLATE_INCOMPLETE : CKR.ATTRIBUTE_VALUE_INVALID);
}

export function keyOptions(attributes: AttributeSet): { token: boolean; extractable: boolean } {
  return { token: attributes.flag(CKA.TOKEN), extractable: attributes.flag(CKA.EXTRACTABLE) };
}
