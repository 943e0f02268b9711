/**
 * One step of the schema. Steps are numbered from 1 without gaps and never edited once released; each runs in
 * its own transaction, forward only. Code must run with the schema of the step before, so that roles can be
 * replaced one after the other.
 */
export interface Migration {
  version: number;
  name: string;
  sqlite: string;
  postgres: string;
}

/** The database was written by a newer release: refused, since an older one would not keep its invariants. */
export class SchemaTooNew extends Error {
  constructor(component: string, found: number, known: number) {
    super(`the ${component} schema has version ${found}, this release knows up to ${known}: use the newer release`);
    this.name = "SchemaTooNew";
  }
}

/** The steps that a database at `found` still needs. Throws `SchemaTooNew`. */
export function pendingMigrations(component: string, found: number, all: readonly Migration[]): readonly Migration[] {
  all.forEach((migration, position) => {
    if (migration.version !== position + 1)
      throw new Error(`migration ${migration.name} must have number ${position + 1}`);
  });
  if (found > all.length) throw new SchemaTooNew(component, found, all.length);
  return all.slice(found);
}
