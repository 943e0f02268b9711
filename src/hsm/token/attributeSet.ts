/** The attributes of one object: taken from an application's template by the rules of its class, told by the same rules. */
import { lengthOf, kindOf, type Attribute, type AttributeRoom, type AttributeValue } from "../rpc/attributes.ts";
import { attributeRules, type AttributeRule, type ObjectClass } from "./attributeRules.ts";
import { CKA, CKO, CKR, Failure } from "./constants.ts";

/** All of an object's attributes, labels and certificates: PKCS #11 has no limit, a disk has. */
const longestValue = 64 * 1024;

export class AttributeSet {
  readonly class: ObjectClass;
  readonly #values: Map<number, AttributeValue>;

  constructor(objectClass: ObjectClass, values: Iterable<readonly [number, AttributeValue]>) {
    this.class = objectClass;
    this.#values = new Map(values);
  }

  /**
   * What an application asks for, checked, with defaults. `implied` says what the function itself implies; a template may
   * repeat it and not contradict it.
   * @throws Failure
   */
  static from(
    objectClass: ObjectClass,
    template: readonly Attribute[],
    implied: readonly (readonly [number, number])[] = [],
  ): AttributeSet {
    const rules = new Map(attributeRules[objectClass].map((rule) => [rule.type, rule]));
    const values = new Map<number, AttributeValue>([[CKA.CLASS, objectClass], ...implied]);
    const given = new Set<number>();
    for (const { type, value } of template) {
      const rule = rules.get(type);
      if (!rule || value === undefined)
        throw new Failure(CKR.ATTRIBUTE_TYPE_INVALID, `attribute 0x${type.toString(16)}`);
      if (rule.set === "token") throw new Failure(CKR.ATTRIBUTE_READ_ONLY);
      if (given.has(type)) throw new Failure(CKR.TEMPLATE_INCONSISTENT);
      given.add(type);
      const checked = checkedValue(rule, value);
      if (values.has(type) && values.get(type) !== checked) throw new Failure(CKR.TEMPLATE_INCONSISTENT);
      values.set(type, checked);
    }
    for (const rule of rules.values()) {
      if (!values.has(rule.type) && rule.default !== undefined) values.set(rule.type, rule.default);
    }
    return new AttributeSet(objectClass, values);
  }

  get(type: number): AttributeValue | undefined {
    return this.#values.get(type);
  }

  /** Sets what the token says of an object. */
  put(type: number, value: AttributeValue | undefined): void {
    if (value === undefined) this.#values.delete(type);
    else this.#values.set(type, value);
  }

  flag(type: number): boolean {
    return this.#values.get(type) === 1;
  }

  number(type: number): number | undefined {
    const value = this.#values.get(type);
    return typeof value === "number" ? value : undefined;
  }

  bytes(type: number): Buffer | undefined {
    const value = this.#values.get(type);
    return Buffer.isBuffer(value) ? value : undefined;
  }

  /** @throws Failure CKR_TEMPLATE_INCOMPLETE */
  require(type: number): Buffer {
    const value = this.bytes(type);
    if (!value || value.length === 0) throw new Failure(CKR.TEMPLATE_INCOMPLETE);
    return value;
  }

  /** A copy with some values changed, as C_SetAttributeValue may. @throws Failure */
  changed(changes: readonly Attribute[]): AttributeSet {
    const rules = new Map(attributeRules[this.class].map((rule) => [rule.type, rule]));
    const next = new AttributeSet(this.class, this.#values);
    for (const { type, value } of changes) {
      const rule = rules.get(type);
      if (!rule || value === undefined) throw new Failure(CKR.ATTRIBUTE_TYPE_INVALID);
      const checked = checkedValue(rule, value);
      const same = sameValue(this.get(type), checked);
      if (rule.set !== "later" && !same) throw new Failure(CKR.ATTRIBUTE_READ_ONLY);
      if (rule.oneWay !== undefined && !same && checked !== rule.oneWay) throw new Failure(CKR.ATTRIBUTE_READ_ONLY);
      next.put(type, checked);
    }
    return next;
  }

  matches(template: readonly Attribute[]): boolean {
    return template.every(({ type, value }) => {
      const rule = attributeRules[this.class].find((each) => each.type === type);
      // INVARIANT: the value of a key is not found by trying.
      if (rule?.secret || value === undefined) return false;
      return sameValue(this.get(type), value);
    });
  }

  /**
   * Answers C_GetAttributeValue. `value` is what CKA_VALUE of a key that may be told is.
   * INVARIANT: nothing secret of a sensitive or unextractable key is told.
   */
  tell(rooms: readonly AttributeRoom[], value: Buffer | undefined): { attributes: Attribute[]; code: number } {
    const codes = new Set<number>();
    const attributes = rooms.map(({ type, room }): Attribute => {
      const rule = attributeRules[this.class].find((each) => each.type === type);
      const isSecret = rule?.secret === true;
      if (isSecret && (this.class !== CKO.SECRET_KEY || !value)) {
        codes.add(CKR.ATTRIBUTE_SENSITIVE);
        return { type, value: undefined };
      }
      const known = isSecret ? value : this.get(type);
      if (known === undefined) {
        codes.add(CKR.ATTRIBUTE_TYPE_INVALID);
        return { type, value: undefined };
      }
      const length = lengthOf(known, kindOf(type));
      if (room === 0) return { type, value: known, lengthOnly: length > 0 };
      if (room < length) {
        codes.add(CKR.BUFFER_TOO_SMALL);
        return { type, value: undefined };
      }
      return { type, value: known };
    });
    const order = [CKR.ATTRIBUTE_SENSITIVE, CKR.ATTRIBUTE_TYPE_INVALID, CKR.BUFFER_TOO_SMALL];
    return { attributes, code: order.find((code) => codes.has(code)) ?? CKR.OK };
  }

  toJson(): unknown[] {
    return [...this.#values].map(([type, value]) => [
      type,
      Buffer.isBuffer(value) ? { b: value.toString("base64") } : value,
    ]);
  }

  static fromJson(entries: readonly unknown[]): AttributeSet {
    const values = (entries as [number, number | number[] | { b: string }][]).map(
      ([type, value]): [number, AttributeValue] => [
        type,
        typeof value === "object" && !Array.isArray(value) ? Buffer.from(value.b, "base64") : value,
      ],
    );
    return new AttributeSet(new Map(values).get(CKA.CLASS) as ObjectClass, values);
  }
}

function checkedValue({ form, only }: AttributeRule, value: AttributeValue): AttributeValue {
  const invalid = (): never => {
    throw new Failure(CKR.ATTRIBUTE_VALUE_INVALID);
  };
  if (form === "mechanisms") return Array.isArray(value) ? value : invalid();
  if (form === "bytes") {
    if (!Buffer.isBuffer(value) || value.length > longestValue) return invalid();
    // A copy: the message that it came with goes away.
    return Buffer.from(value);
  }
  if (typeof value !== "number") return invalid();
  if (form === "flag" && value > 1) return invalid();
  if (only !== undefined && value !== only) return invalid();
  return value;
}

function sameValue(one: AttributeValue | undefined, other: AttributeValue): boolean {
  if (Buffer.isBuffer(one) && Buffer.isBuffer(other)) return one.equals(other);
  if (Array.isArray(one) && Array.isArray(other)) return JSON.stringify(one) === JSON.stringify(other);
  return one === other;
}
