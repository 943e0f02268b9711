/**
 * Metric math expressions: `(m1 + m2) / 2`, `IF(m1 > 5, 1, 0)`, `SUM(METRICS("err"))`. Source: CloudWatch User Guide,
 * "Using metric math". SEARCH, SELECT, ANOMALY_DETECTION_BAND and the functions that ask other services are refused.
 */
import { apply, functions } from "./functions.ts";
import { type Frame, MathError, type Series, type Value } from "./values.ts";

export interface Scope {
  /** Value of another query by its id. */
  resolve(id: string): Value;
  /** Metrics of the request, in order, for METRICS(). */
  metrics(): readonly (readonly [id: string, series: Series])[];
  frame: Frame;
}

export interface Expression {
  /** Ids that it names. */
  references: ReadonlySet<string>;
  /** Whether METRICS() is used, and so every metric. */
  everyMetric: boolean;
  evaluate(scope: Scope): Value;
}

type Node = (scope: Scope) => Value;

const unserved = new Set([
  "SEARCH",
  "SELECT",
  "ANOMALY_DETECTION_BAND",
  "SERVICE_QUOTA",
  "INSIGHT_RULE_METRIC",
  "LAMBDA",
  "DB_PERF_INSIGHTS",
]);
const levels = [["||"], ["&&"], ["==", "!="], ["<=", ">=", "<", ">"], ["+", "-"], ["*", "/"]] as const;
const mostDepth = 100;

/** @throws MathError */
export function parseExpression(text: string): Expression {
  return new Parser(text).parse();
}

class Parser {
  readonly #tokens: string[];
  readonly #references = new Set<string>();
  #everyMetric = false;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#tokens = tokenize(text);
  }

  parse(): Expression {
    const node = this.#binary(0);
    if (this.#at < this.#tokens.length) throw this.#unexpected();
    return { references: this.#references, everyMetric: this.#everyMetric, evaluate: node };
  }

  #binary(level: number): Node {
    const operators = levels[level];
    if (!operators) return this.#power();
    let left = this.#binary(level + 1);
    for (;;) {
      const operator = this.#operator(operators);
      if (operator === undefined) return left;
      const [a, b] = [left, this.#binary(level + 1)];
      left = (scope) => apply(operator, a(scope), b(scope));
    }
  }

  #operator(operators: readonly string[]): string | undefined {
    const token = this.#tokens[this.#at];
    const word = token === "AND" ? "&&" : token === "OR" ? "||" : token;
    if (word === undefined || !operators.includes(word)) return undefined;
    this.#at++;
    return word;
  }

  #power(): Node {
    const left = this.#unary();
    if (!this.#take("^")) return left;
    const right = this.#deeper(() => this.#power());
    return (scope) => apply("^", left(scope), right(scope));
  }

  #unary(): Node {
    if (!this.#take("-")) return this.#primary();
    const inner = this.#deeper(() => this.#unary());
    return (scope) => apply("-", 0, inner(scope));
  }

  #primary(): Node {
    const token = this.#tokens[this.#at];
    if (token === undefined) throw this.#unexpected();
    this.#at++;
    if (token === "(") {
      const inner = this.#deeper(() => this.#binary(0));
      this.#expect(")");
      return inner;
    }
    if (token === "[") {
      const items = this.#list("]");
      return (scope) => items.flatMap((item) => seriesOf(item(scope)));
    }
    if (/^[\d.]/.test(token)) return () => Number(token);
    if (/^["']/.test(token)) return () => token.slice(1, -1);
    if (!/^[A-Za-z]/.test(token)) {
      this.#at--;
      throw this.#unexpected();
    }
    if (this.#take("(")) return this.#call(token);
    if (/^[A-Z]+$/.test(token)) return () => token;
    this.#references.add(token);
    return (scope) => scope.resolve(token);
  }

  #call(name: string): Node {
    const args = this.#deeper(() => this.#list(")"));
    if (name === "METRICS") {
      this.#everyMetric = true;
      return (scope) => {
        const part = args[0]?.(scope);
        return scope
          .metrics()
          .flatMap(([id, series]) => (typeof part !== "string" || id.includes(part) ? [series] : []));
      };
    }
    if (unserved.has(name)) throw new MathError(`The function ${name} is not supported`);
    const known = functions.get(name);
    if (!known) throw new MathError(`Unknown function ${name}`);
    return (scope) =>
      known(
        args.map((arg) => arg(scope)),
        scope.frame,
      );
  }

  #list(close: string): Node[] {
    const items: Node[] = [];
    if (this.#take(close)) return items;
    do items.push(this.#binary(0));
    while (this.#take(","));
    this.#expect(close);
    return items;
  }

  #deeper<T>(parse: () => T): T {
    if (++this.#depth > mostDepth) throw new MathError("The expression is nested too deeply");
    const result = parse();
    this.#depth--;
    return result;
  }

  #take(token: string): boolean {
    if (this.#tokens[this.#at] !== token) return false;
    this.#at++;
    return true;
  }

  #expect(token: string): void {
    if (!this.#take(token)) throw this.#unexpected();
  }

  #unexpected(): MathError {
    const token = this.#tokens[this.#at];
    return new MathError(token === undefined ? "Unexpected end of expression" : `Unexpected '${token}'`);
  }
}

function seriesOf(value: Value): Series[] {
  if (Array.isArray(value)) return value;
  if (typeof value === "object") return [value];
  throw new MathError("An array holds time series");
}

function tokenize(text: string): string[] {
  const tokens: string[] = [];
  const pattern =
    /\s*(?:(\d+(?:\.\d*)?(?:[eE][-+]?\d+)?|\.\d+|[A-Za-z][A-Za-z0-9_]*|"[^"]*"|'[^']*'|==|!=|<=|>=|&&|\|\||[-+*/^<>(),[\]])|$)/y;
  for (;;) {
    const match = pattern.exec(text);
    if (!match) throw new MathError("Unexpected character in expression");
    if (match[1] === undefined) return tokens;
    tokens.push(match[1]);
  }
}
