/** MetricDataQuery lists: checked, and evaluated over a range. Used by GetMetricData and by alarms. */
import { statistic, type Statistic } from "#engines/metricMath/distribution.ts";
import { type Expression, parseExpression } from "#engines/metricMath/expression.ts";
import { type Frame, MathError, type Series, series, type Value } from "#engines/metricMath/values.ts";
import { validation } from "./errors.ts";
import { dimensionsOf, metricHash } from "./metric.ts";
import { checkPeriod } from "./operations/statistics.ts";
import { inUnit, type MetricSource, readPeriods } from "./series.ts";

export interface GivenQuery {
  Id?: string | undefined;
  Label?: string | undefined;
  ReturnData?: boolean | undefined;
  Period?: number | undefined;
  Expression?: string | undefined;
  AccountId?: string | undefined;
  MetricStat?:
    | {
        Metric?:
          | {
              Namespace?: string | undefined;
              MetricName?: string | undefined;
              Dimensions?: readonly { Name?: string | undefined; Value?: string | undefined }[] | undefined;
            }
          | undefined;
        Period?: number | undefined;
        Stat?: string | undefined;
        Unit?: string | undefined;
      }
    | undefined;
}

interface MetricQuery {
  id: string;
  label: string;
  returned: boolean;
  /** Seconds. */
  period: number;
  metric: { hash: string; statistic: Statistic; unit: string | undefined };
}

interface ExpressionQuery {
  id: string;
  label: string;
  returned: boolean;
  /** Seconds; that of its metrics when absent. */
  period: number | undefined;
  expression: Expression;
}

type Query = MetricQuery | ExpressionQuery;

export interface QueryResult {
  id: string;
  label: string;
  /** Ascending in time. */
  points: [at: number, value: number][];
}

/** @throws ValidationError */
export function checkQueries(given: readonly GivenQuery[], account: string): QuerySet {
  const ids = new Set<string>();
  const queries = given.map((query): Query => {
    const id = query.Id ?? "";
    if (!/^[a-z][A-Za-z0-9_]*$/.test(id)) {
      throw validation(
        `Metrics list contains invalid Id '${id}': an Id starts with a lowercase letter, followed by letters, numbers and underscores.`,
      );
    }
    if (ids.has(id))
      throw validation(`The values for parameter Id in MetricDataQueries are not unique. Duplicate Id: ${id}`);
    ids.add(id);
    if ((query.MetricStat === undefined) === (query.Expression === undefined)) {
      throw validation(`Query '${id}' must have exactly one of MetricStat and Expression.`);
    }
    if (query.AccountId !== undefined && query.AccountId !== account) {
      throw validation(`Metrics of the account ${query.AccountId} are not shared with this account.`);
    }
    const returned = query.ReturnData ?? true;
    return query.MetricStat ? metricQuery(id, query, returned) : expressionQuery(id, query, returned);
  });
  return new QuerySet(queries);
}

function metricQuery(id: string, { MetricStat: stat, Label: label }: GivenQuery, returned: boolean): MetricQuery {
  const { Namespace: namespace = "", MetricName: name = "", Dimensions: given } = stat!.Metric ?? {};
  const period = stat!.Period ?? 0;
  checkPeriod(period, `MetricDataQueries.${id}.MetricStat.Period`);
  const compute = statistic(stat!.Stat ?? "");
  if (!compute) throw validation(`The value ${stat!.Stat} for parameter MetricStat.Stat is not supported.`);
  if (namespace === "" || name === "") throw validation(`Query '${id}' names no metric.`);
  const dimensions = dimensionsOf(given, `MetricDataQueries.${id}.Dimensions`);
  return {
    id,
    label: label ?? [...dimensions.map(({ value }) => value), name].join(" "),
    returned,
    period,
    metric: { hash: metricHash(namespace, name, dimensions), statistic: compute, unit: stat!.Unit },
  };
}

function expressionQuery(id: string, query: GivenQuery, returned: boolean): ExpressionQuery {
  if (query.Period !== undefined) checkPeriod(query.Period, `MetricDataQueries.${id}.Period`);
  try {
    return {
      id,
      label: query.Label ?? id,
      returned,
      period: query.Period,
      expression: parseExpression(query.Expression!),
    };
  } catch (error) {
    throw error instanceof MathError ? mathFailure(id, error) : error;
  }
}

const mathFailure = (id: string, error: MathError) => validation(`Error in expression '${id}': ${error.message}`);

export class QuerySet {
  readonly #queries: readonly Query[];

  constructor(queries: readonly Query[]) {
    this.#queries = queries;
    for (const query of queries) {
      if (!("expression" in query)) continue;
      for (const reference of query.expression.references) {
        if (queries.some(({ id }) => id === reference)) continue;
        throw validation(`Error in expression '${query.id}': MetricId '${reference}' is not defined.`);
      }
    }
    this.#refuseCycles();
  }

  get returned(): readonly string[] {
    return this.#queries.filter(({ returned }) => returned).map(({ id }) => id);
  }

  /** Hashes of the metrics it reads. */
  get hashes(): string[] {
    return this.#queries.flatMap((query) => ("metric" in query ? [query.metric.hash] : []));
  }

  /** Seconds: the longest of the metrics', in which expressions are computed. */
  get period(): number {
    return Math.max(0, ...this.#queries.map(({ period }) => period ?? 0));
  }

  /** @throws ValidationError */
  async evaluate(source: MetricSource, range: { from: number; to: number; now: number }): Promise<QueryResult[]> {
    const values = new Map<string, Value>();
    for (const query of this.#queries) {
      if (!("metric" in query)) continue;
      const { hash, statistic: compute, unit } = query.metric;
      const periods = await readPeriods(source, { hash, ...range, periodMs: query.period * 1000 });
      const points = [...periods].flatMap(([at, units]): [number, number][] => {
        const summary = inUnit(units, unit);
        const value = summary && compute(summary);
        return value === undefined ? [] : [[at, value]];
      });
      values.set(query.id, series(points, query.label));
    }
    return this.#queries
      .filter(({ returned }) => returned)
      .flatMap((query) => results(query, this.#value(query, values, range)));
  }

  #value(query: Query, values: Map<string, Value>, range: { from: number; to: number }): Value {
    const known = values.get(query.id);
    if (known !== undefined || !("expression" in query)) return known ?? series([]);
    const seconds = query.period ?? (this.period || 300);
    const period = seconds * 1000;
    const frame: Frame = { from: Math.floor(range.from / period) * period, to: range.to, period };
    try {
      const value = query.expression.evaluate({
        frame,
        resolve: (id) =>
          this.#value(
            this.#queries.find((other) => other.id === id)!,
            values,
            range,
          ),
        metrics: () =>
          this.#queries.flatMap((other) =>
            "metric" in other ? [[other.id, values.get(other.id) as Series] as const] : [],
          ),
      });
      values.set(query.id, value);
      return value;
    } catch (error) {
      throw error instanceof MathError ? mathFailure(query.id, error) : error;
    }
  }

  #refuseCycles(): void {
    const done = new Set<string>();
    const visit = (id: string, path: ReadonlySet<string>): void => {
      if (path.has(id)) throw validation(`Error in expression '${id}': circular dependency.`);
      if (done.has(id)) return;
      const query = this.#queries.find((other) => other.id === id)!;
      if ("expression" in query) {
        for (const reference of query.expression.references) visit(reference, new Set([...path, id]));
      }
      done.add(id);
    };
    for (const { id } of this.#queries) visit(id, new Set());
  }
}

function results(query: Query, value: Value): QueryResult[] {
  if (typeof value !== "object") {
    throw validation(
      `Error in expression '${query.id}': The expression must return a time series or an array of them.`,
    );
  }
  const lines = Array.isArray(value) ? value : [value];
  return lines.map((line) => ({
    id: query.id,
    label: Array.isArray(value) && line.label !== "" ? `${query.label} ${line.label}` : query.label,
    points: [...line.points],
  }));
}
