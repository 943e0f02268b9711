/**
 * Who may do what with each kind of key. The console shows this table; tests make a call for every cell
 * (`test/keyKinds.ts`). Pure data. Source: KMS Developer Guide, "AWS KMS keys" (customer managed, AWS managed, AWS owned
 * keys), "Special-purpose keys", "Rotate AWS KMS keys" (no rotation of keys in custom key stores).
 */
export const keyKinds = ["customer", "aws", "owned", "cloudHsm", "external"] as const;
export type KeyKind = (typeof keyKinds)[number];

export const keyActs = ["view", "use", "changePolicy", "rotate", "disable", "delete", "audit"] as const;
export type KeyAct = (typeof keyActs)[number];

export type Who =
  /** Whoever the key policy and IAM let. */
  | "owner"
  /** The same, while the key store is connected. */
  | "ownerWhileConnected"
  /** The AWS service that it was made for, on behalf of its callers. */
  | "service"
  /** The provider, without being asked: every year. */
  | "provider"
  /** In the external key manager, by its own means. */
  | "outside"
  | "nobody";

export const keyTable: Readonly<Record<KeyKind, Readonly<Record<KeyAct, Who>>>> = {
  customer: {
    view: "owner",
    use: "owner",
    changePolicy: "owner",
    rotate: "owner",
    disable: "owner",
    delete: "owner",
    audit: "owner",
  },
  aws: {
    view: "owner",
    use: "service",
    changePolicy: "nobody",
    rotate: "provider",
    disable: "nobody",
    delete: "nobody",
    audit: "owner",
  },
  owned: {
    view: "nobody",
    use: "service",
    changePolicy: "nobody",
    rotate: "nobody",
    disable: "nobody",
    delete: "nobody",
    audit: "nobody",
  },
  cloudHsm: {
    view: "owner",
    use: "ownerWhileConnected",
    changePolicy: "owner",
    rotate: "nobody",
    disable: "owner",
    delete: "owner",
    audit: "owner",
  },
  external: {
    view: "owner",
    use: "ownerWhileConnected",
    changePolicy: "owner",
    rotate: "outside",
    disable: "owner",
    delete: "owner",
    audit: "owner",
  },
};
