import { setTimeout as delay } from "node:timers/promises";
import { checkServerIdentity, type PeerCertificate } from "node:tls";
import postgres, { type ParameterOrJSON, type Sql } from "postgres";
import type { Random } from "#kernel/ids.ts";
import { StoreUnavailable } from "./contract.ts";
import { pendingMigrations, type Migration } from "./migrations/migration.ts";
import { parsePostgresUrl, type PostgresAddress } from "./postgres-address.ts";
import { classifyFailure } from "./postgres-failure.ts";

type BigintAsNumber = { bigint: number };
type Connection = Sql<BigintAsNumber>;
export type Value = string | number | null;

/** Connections to the one server that takes writes. Replaced as a whole when that server goes away. */
interface Session {
  host: string;
  writer: Connection;
  reader: Connection;
  listener: Connection;
  /** Becomes true once; a dead session is never used again. */
  dead: boolean;
}

export interface PostgresOptions {
  random: Random;
  /** Longest time of one call, in milliseconds. */
  timeoutMs?: number;
  /** Longest time to find a server that takes writes, in milliseconds. */
  connectTimeoutMs?: number;
  /** Connections for reads. */
  readers?: number;
  channel: string;
  onNotification: (payload: string) => void;
  /** Notifications may have been missed. */
  onLost: () => void;
}

const retries = 5;

/**
 * PostgreSQL with a list of hosts of which one takes writes. All hosts are asked at once and the first that
 * is not a standby is used, for reads too, so that a caller reads its own writes. The driver's own host list is
 * not used: with all hosts down its queries never end (porsager/postgres issue 1174).
 *
 * INVARIANT: every call ends within `timeoutMs`; a statement given up on is cancelled with its connection, so
 * that it does not happen later behind the back of a caller who has read again.
 */
export class PostgresClient {
  readonly #address: PostgresAddress;
  readonly #options: PostgresOptions;
  readonly #timeoutMs: number;
  readonly #connectTimeoutMs: number;
  #session: Promise<Session> | undefined;
  #closed = false;

  constructor(url: string, options: PostgresOptions) {
    this.#address = parsePostgresUrl(url);
    this.#options = options;
    this.#timeoutMs = options.timeoutMs ?? 10_000;
    this.#connectTimeoutMs = options.connectTimeoutMs ?? 3_000;
  }

  /** A statement that changes nothing: run again once when the connection is lost. */
  async read<Row>(text: string, values: readonly Value[] = []): Promise<Row[]> {
    return this.#run<Row>((session) => session.reader, text, values, true);
  }

  /** A statement that is its own transaction. Rejects with `StoreUnavailable.unknown` when it may have been committed. */
  async write<Row>(text: string, values: readonly Value[] = []): Promise<Row[]> {
    return this.#run<Row>((session) => session.writer, text, values, false);
  }

  async #run<Row>(
    pick: (session: Session) => Connection,
    text: string,
    values: readonly Value[],
    again: boolean,
  ): Promise<Row[]> {
    for (let attempt = 1; ; attempt++) {
      const session = await this.#connected();
      try {
        const query = pick(session).unsafe(text, values as ParameterOrJSON<number>[], { prepare: true });
        return (await this.#bounded(session, query)) as unknown as Row[];
      } catch (error) {
        const failure = classifyFailure(error);
        if (failure === "lost" || failure === "readOnly") this.#abandon(session);
        const late = (error as { code?: string }).code === "ETIMEDOUT";
        const harmless = failure === "retry" || failure === "readOnly" || (failure === "lost" && again && !late);
        if (harmless && attempt < (failure === "retry" ? retries : 2)) {
          // Two transactions that met once must not meet again in step.
          if (failure === "retry") await delay(this.#options.random.below(20 * attempt) + 1);
          continue;
        }
        if (failure === "statement") throw error;
        throw new StoreUnavailable(`PostgreSQL ${session.host}: ${(error as Error).message}`, {
          unknown: failure === "lost" && !again,
          cause: error,
        });
      }
    }
  }

  async #bounded<T>(session: Session, work: PromiseLike<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.#abandon(session);
        reject(Object.assign(new Error(`no answer within ${this.#timeoutMs} ms`), { code: "ETIMEDOUT" }));
      }, this.#timeoutMs);
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #connected(): Promise<Session> {
    if (this.#closed) return Promise.reject(new StoreUnavailable("the store is closed"));
    if (this.#session) return this.#session;
    const session = this.#connect();
    this.#session = session;
    session.then(
      (opened) => {
        if (opened.dead && this.#session === session) this.#session = undefined;
      },
      () => {
        if (this.#session === session) this.#session = undefined;
      },
    );
    return session;
  }

  async #connect(): Promise<Session> {
    const candidates = this.#address.hosts.map((host) => this.#openSession(host));
    try {
      const chosen = await Promise.any(candidates.map((candidate) => candidate.ready));
      for (const candidate of candidates) if (candidate.session !== chosen) this.#abandon(candidate.session);
      return chosen;
    } catch (error) {
      const reasons = ((error as AggregateError).errors as Error[]).map((reason) => reason.message);
      throw new StoreUnavailable(`no PostgreSQL server takes writes: ${reasons.join("; ")}`, { cause: error });
    }
  }

  #openSession(host: { host: string; port: number }): { session: Session; ready: Promise<Session> } {
    const base = this.#connectionOptions(host);
    const session: Session = {
      host: `${host.host}:${host.port}`,
      writer: postgres({ ...base, max: 1, onclose: () => this.#abandon(session) }),
      reader: postgres({ ...base, max: this.#options.readers ?? 4 }),
      listener: postgres({
        ...base,
        max: 1,
        onclose: () => this.#abandon(session),
        // Taken by postgres.js, absent from its types.
        ...({ onnotify: (_channel: string, payload: string) => this.#options.onNotification(payload) } as object),
      }),
      dead: false,
    };
    const ready = this.#probe(session).catch((error: unknown) => {
      this.#abandon(session);
      throw error;
    });
    return { session, ready };
  }

  #connectionOptions(host: {
    host: string;
    port: number;
  }): postgres.Options<{ bigint: postgres.PostgresType<number> }> {
    const { user, password, database, ssl } = this.#address;
    return {
      host: host.host,
      port: host.port,
      ...(user === undefined ? {} : { user }),
      ...(password === undefined ? {} : { password }),
      ...(database === undefined ? {} : { database }),
      // The driver gives node:tls no name for an address, which would then be compared with "localhost".
      ...(ssl === undefined
        ? {}
        : { ssl: ssl === "require" ? ssl : { ...ssl, checkServerIdentity: identityOf(host.host) } }),
      connect_timeout: this.#connectTimeoutMs / 1000,
      idle_timeout: undefined,
      max_lifetime: null,
      fetch_types: false,
      onnotice: () => {},
      // The server gives up before we do, so that an abandoned statement is not applied afterwards.
      connection: { application_name: "jikimi", statement_timeout: Math.max(500, Math.floor(this.#timeoutMs * 0.8)) },
      types: { bigint: { to: 20, from: [20], parse: Number, serialize: String } },
    };
  }

  /** Checks that the server takes writes and keeps what it acknowledges. */
  async #probe(session: Session): Promise<Session> {
    const work = (async () => {
      const rows = await session.writer.unsafe(
        `select pg_is_in_recovery() or current_setting('transaction_read_only') = 'on' as standby,
           current_setting('fsync') as fsync, current_setting('synchronous_commit') as synchronous_commit,
           current_setting('server_encoding') as encoding, current_setting('server_version_num')::int as version`,
      );
      const found = rows[0] as unknown as {
        standby: boolean;
        fsync: string;
        synchronous_commit: string;
        encoding: string;
        version: number;
      };
      if (found.standby) throw new Error(`${session.host} is a standby`);
      if (found.fsync === "off" || found.synchronous_commit === "off") {
        throw new Error(`${session.host} acknowledges before it syncs (fsync or synchronous_commit is off)`);
      }
      if (found.encoding !== "UTF8")
        throw new Error(`${session.host}: the database encoding must be UTF8, is ${found.encoding}`);
      if (found.version < 150000)
        throw new Error(`${session.host}: PostgreSQL 15 or newer is needed, is ${found.version}`);
      await session.listener.unsafe(`listen ${this.#options.channel}`);
    })();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const message = `${session.host} does not answer within ${this.#connectTimeoutMs} ms`;
      timer = setTimeout(() => reject(new Error(message)), this.#connectTimeoutMs);
    });
    try {
      await Promise.race([work, late]);
    } finally {
      clearTimeout(timer);
      work.catch(() => {});
    }
    if (session.dead) throw new Error(`${session.host} closed the connection`);
    return session;
  }

  /** Ends all connections of a session at once; statements under way reject. */
  #abandon(session: Session): void {
    if (session.dead) return;
    session.dead = true;
    const current = this.#session;
    void current?.then(
      (opened) => {
        if (opened === session && this.#session === current) this.#session = undefined;
      },
      () => {},
    );
    for (const connection of [session.writer, session.reader, session.listener]) {
      connection.end({ timeout: 0 }).catch(() => {});
    }
    this.#options.onLost();
  }

  /** Brings the schema of a component up to date, alone among all processes. Throws `SchemaTooNew`. */
  async migrate(component: string, migrations: readonly Migration[]): Promise<void> {
    const session = await this.#connected();
    await this.#bounded(
      session,
      session.writer.begin(async (transaction) => {
        await transaction.unsafe("select pg_advisory_xact_lock(7420515)");
        await transaction.unsafe(
          "create schema if not exists jikimi; create table if not exists jikimi.migrations (component text not null, version int not null, name text not null, primary key (component, version))",
        );
        const rows = await transaction.unsafe(
          "select coalesce(max(version), 0) as version from jikimi.migrations where component = $1",
          [component],
        );
        const found = Number(rows[0]?.["version"]);
        for (const migration of pendingMigrations(component, found, migrations)) {
          await transaction.unsafe(migration.postgres);
          await transaction.unsafe("insert into jikimi.migrations values ($1, $2, $3)", [
            component,
            migration.version,
            migration.name,
          ]);
        }
      }),
    ).catch((error: unknown) => {
      const failure = classifyFailure(error);
      if (failure === "statement") throw error;
      throw new StoreUnavailable(`PostgreSQL ${session.host}: ${(error as Error).message}`, { cause: error });
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const session = await this.#session?.catch(() => undefined);
    if (!session || session.dead) return;
    session.dead = true;
    await Promise.all(
      [session.writer, session.reader, session.listener].map((connection) => connection.end({ timeout: 2 })),
    );
    this.#options.onLost();
  }
}

function identityOf(host: string): (name: string, certificate: PeerCertificate) => Error | undefined {
  return (_name, certificate) => checkServerIdentity(host, certificate);
}
