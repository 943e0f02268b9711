import { DecryptError, InvalidInput, InvalidWrappingKey, Sealed, SealError, UnsupportedMaterial } from "./contract.ts";
import { Status } from "./protocol.ts";

/** The fields of a good answer; the error that the status stands for otherwise. */
export function result(answer: { code: number; fields: Buffer[] }): Buffer[] {
  const detail = (): string => answer.fields[0]?.toString("utf8") ?? "";
  switch (answer.code) {
    case Status.ok:
      return answer.fields;
    case Status.sealed:
      throw new Sealed();
    case Status.decrypt:
    case Status.needsTombstoneKey:
    case Status.unknownDomainKey:
      throw new DecryptError();
    case Status.seal:
      throw new SealError(detail());
    case Status.unsupported:
      throw new UnsupportedMaterial(detail());
    case Status.input:
      throw new InvalidInput(detail());
    case Status.wrappingKey:
      throw new InvalidWrappingKey();
    default:
      throw new Error(`the key holder failed: ${detail()}`);
  }
}
