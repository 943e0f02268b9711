/** A session of an application, and the objects that an application sees. */
import type { KeyReference } from "./backend.ts";
import type { AttributeSet } from "./attributeSet.ts";
import { CKR, Failure } from "./constants.ts";
import type { Operation } from "./operation.ts";
import type { OpenObject } from "../vault/openObject.ts";

export type OperationName = "encrypt" | "decrypt" | "sign" | "verify" | "digest";

export interface Session {
  readonly handle: number;
  readonly writable: boolean;
  readonly operations: Map<OperationName, Operation>;
  /** Handles that C_FindObjects has not given yet. */
  found?: number[];
}

/** An object under its handle. */
export interface SeenObject {
  readonly handle: number;
  readonly attributes: AttributeSet;
  readonly key?: KeyReference | undefined;
  /** Of token objects. */
  readonly open?: OpenObject;
  /** Of session objects: the session that they end with. */
  readonly session?: number;
}

/** More would be a leak of the application's. */
const mostSessionObjects = 1_000;

export class ObjectTable {
  readonly #sessionObjects = new Map<number, SeenObject>();
  readonly #tokenObjects = new Map<number, OpenObject>();
  readonly #handles = new Map<OpenObject, number>();
  #next = 1;

  addSessionObject(session: number, attributes: AttributeSet, key: KeyReference | undefined): number {
    if (this.#sessionObjects.size >= mostSessionObjects) throw new Failure(CKR.DEVICE_MEMORY);
    const handle = this.#next++;
    this.#sessionObjects.set(handle, { handle, attributes, key, session });
    return handle;
  }

  handleOf(open: OpenObject): number {
    let handle = this.#handles.get(open);
    if (handle === undefined) {
      handle = this.#next++;
      this.#handles.set(open, handle);
      this.#tokenObjects.set(handle, open);
    }
    return handle;
  }

  find(handle: number): SeenObject | undefined {
    const open = this.#tokenObjects.get(handle);
    if (open) return open.isClosed ? undefined : { handle, attributes: open.attributes, key: open.key, open };
    return this.#sessionObjects.get(handle);
  }

  sessionObjects(): Iterable<SeenObject> {
    return this.#sessionObjects.values();
  }

  replace(handle: number, attributes: AttributeSet): void {
    const object = this.#sessionObjects.get(handle);
    if (object) this.#sessionObjects.set(handle, { ...object, attributes });
  }

  drop(handle: number): SeenObject | undefined {
    const object = this.#sessionObjects.get(handle);
    this.#sessionObjects.delete(handle);
    return object;
  }

  /** Gives the session objects that went. */
  dropSession(session: number): SeenObject[] {
    const gone = [...this.#sessionObjects.values()].filter((each) => each.session === session);
    for (const { handle } of gone) this.#sessionObjects.delete(handle);
    return gone;
  }

  /** Nobody is signed in any more. */
  dropTokenObjects(): void {
    this.#tokenObjects.clear();
    this.#handles.clear();
  }
}
