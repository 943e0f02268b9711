/**
 * The calls of the remoting protocol with the signatures that travel in each message.
 * `u` CK_ULONG, `y` byte, `z` string, `s` string of fixed length, `v` version, `M` mechanism, `A` attribute; `a…` array,
 * `f…` room for an answer. Source: p11-kit, rpc-message.h (calls of PKCS #11 2.40, which Debian 12's 0.24 has).
 */
export interface RpcCall {
  id: number;
  name: RpcName;
  request: string;
  response: string;
}

const table = [
  ["C_Initialize", "ayyay", ""],
  ["C_Finalize", "", ""],
  ["C_GetInfo", "", "vsusv"],
  ["C_GetSlotList", "yfu", "au"],
  ["C_GetSlotInfo", "u", "ssuvv"],
  ["C_GetTokenInfo", "u", "ssssuuuuuuuuuuuvvs"],
  ["C_GetMechanismList", "ufu", "au"],
  ["C_GetMechanismInfo", "uu", "uuu"],
  ["C_InitToken", "uayz", ""],
  ["C_OpenSession", "uu", "u"],
  ["C_CloseSession", "u", ""],
  ["C_CloseAllSessions", "u", ""],
  ["C_GetSessionInfo", "u", "uuuu"],
  ["C_InitPIN", "uay", ""],
  ["C_SetPIN", "uayay", ""],
  ["C_GetOperationState", "ufy", "ay"],
  ["C_SetOperationState", "uayuu", ""],
  ["C_Login", "uuay", ""],
  ["C_Logout", "u", ""],
  ["C_CreateObject", "uaA", "u"],
  ["C_CopyObject", "uuaA", "u"],
  ["C_DestroyObject", "uu", ""],
  ["C_GetObjectSize", "uu", "u"],
  ["C_GetAttributeValue", "uufA", "aAu"],
  ["C_SetAttributeValue", "uuaA", ""],
  ["C_FindObjectsInit", "uaA", ""],
  ["C_FindObjects", "ufu", "au"],
  ["C_FindObjectsFinal", "u", ""],
  ["C_EncryptInit", "uMu", ""],
  ["C_Encrypt", "uayfy", "ay"],
  ["C_EncryptUpdate", "uayfy", "ay"],
  ["C_EncryptFinal", "ufy", "ay"],
  ["C_DecryptInit", "uMu", ""],
  ["C_Decrypt", "uayfy", "ay"],
  ["C_DecryptUpdate", "uayfy", "ay"],
  ["C_DecryptFinal", "ufy", "ay"],
  ["C_DigestInit", "uM", ""],
  ["C_Digest", "uayfy", "ay"],
  ["C_DigestUpdate", "uay", ""],
  ["C_DigestKey", "uu", ""],
  ["C_DigestFinal", "ufy", "ay"],
  ["C_SignInit", "uMu", ""],
  ["C_Sign", "uayfy", "ay"],
  ["C_SignUpdate", "uay", ""],
  ["C_SignFinal", "ufy", "ay"],
  ["C_SignRecoverInit", "uMu", ""],
  ["C_SignRecover", "uayfy", "ay"],
  ["C_VerifyInit", "uMu", ""],
  ["C_Verify", "uayay", ""],
  ["C_VerifyUpdate", "uay", ""],
  ["C_VerifyFinal", "uay", ""],
  ["C_VerifyRecoverInit", "uMu", ""],
  ["C_VerifyRecover", "uayfy", "ay"],
  ["C_DigestEncryptUpdate", "uayfy", "ay"],
  ["C_DecryptDigestUpdate", "uayfy", "ay"],
  ["C_SignEncryptUpdate", "uayfy", "ay"],
  ["C_DecryptVerifyUpdate", "uayfy", "ay"],
  ["C_GenerateKey", "uMaA", "u"],
  ["C_GenerateKeyPair", "uMaAaA", "uu"],
  ["C_WrapKey", "uMuufy", "ay"],
  ["C_UnwrapKey", "uMuayaA", "u"],
  ["C_DeriveKey", "uMuaA", "u"],
  ["C_SeedRandom", "uay", ""],
  ["C_GenerateRandom", "ufy", "ay"],
  ["C_WaitForSlotEvent", "u", "u"],
] as const satisfies readonly (readonly [string, string, string])[];

export type RpcName = (typeof table)[number][0];

/** Call 0 is the answer of a call that failed: its CK_RV. */
export const errorCall = 0;
export const errorSignature = "u";

export const callsById: readonly (RpcCall | undefined)[] = [
  undefined,
  ...table.map(([name, request, response], index) => ({ id: index + 1, name, request, response })),
];

export const callsByName = Object.fromEntries(
  callsById.flatMap((call) => (call ? [[call.name, call]] : [])),
) as unknown as Readonly<Record<RpcName, RpcCall>>;

/** First argument of C_Initialize: which protocol this is. Source: p11-kit, rpc-message.h. */
export const handshake = Buffer.from("PRIVATE-GNOME-KEYRING-PKCS11-PROTOCOL-V-1");
