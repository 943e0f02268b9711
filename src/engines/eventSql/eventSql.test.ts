import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { describe, test } from "node:test";
import { parse, storesOf } from "./parse.ts";
import { QueryError } from "./queryError.ts";
import { rendered } from "./render.ts";
import { nativeFunctions } from "./runtime.ts";
import { columnsOf, rowOf, type StoreKind } from "./schema.ts";
import { addTime, timeBetween, timestampOf, truncateTime } from "./time.ts";
import { tableOf, translate } from "./translate.ts";

const store = "11111111-2222-3333-4444-555555555555";
const other = "99999999-2222-3333-4444-555555555555";

const event = (name: string, second: number, more: object = {}) => ({
  eventVersion: "1.11",
  userIdentity: { type: "IAMUser", arn: `arn:aws:iam::111122223333:user/${name}`, userName: name },
  eventTime: `2026-01-01T00:00:0${second}Z`,
  eventSource: "s3.amazonaws.com",
  eventName: "GetObject",
  readOnly: true,
  requestParameters: { bucketName: "b", nested: { a: 1 }, count: 3 },
  resources: [{ ARN: "arn:aws:s3:::b/k", accountId: "111122223333", type: "AWS::S3::Object" }],
  eventID: `id-${name}-${second}`,
  ...more,
});
const rows = [
  event("alice", 1),
  event("alice", 2, { eventName: "PutObject", readOnly: false, errorCode: "AccessDenied" }),
  event("bob", 3, { eventSource: "kms.amazonaws.com", requestParameters: null, resources: undefined }),
];

function run(statement: string): string[][] {
  const query = parse(statement);
  const kinds = new Map<string, StoreKind>(storesOf(query).map((id) => [id, "events"]));
  const translated = translate(query, kinds);
  const database = new DatabaseSync(":memory:");
  database.exec("PRAGMA case_sensitive_like = ON");
  for (const [name, work] of Object.entries(nativeFunctions())) database.function(name, { varargs: true }, work);
  const columns = columnsOf.events;
  for (const id of kinds.keys()) {
    database.exec(`CREATE TABLE ${tableOf(id)} (${columns.map((_, i) => `k${i}`).join(", ")})`);
    const insert = database.prepare(`INSERT INTO ${tableOf(id)} VALUES (${columns.map(() => "?").join(", ")})`);
    for (const row of rows) insert.run(...rowOf(columns, row));
  }
  const prepared = database.prepare(translated.sql);
  prepared.setReturnArrays(true);
  prepared.setAllowUnknownNamedParameters(true);
  const found = prepared.all({ now: "2026-01-02 00:00:00.000" }) as unknown as unknown[][];
  return [
    translated.columns.map(({ name }) => name),
    ...found.map((row) => row.map((value, i) => rendered(translated.columns[i]!, value))),
  ];
}

describe("statements give what Trino gives", () => {
  const cases: [statement: string, result: string[][]][] = [
    [
      `SELECT eventName FROM ${store} WHERE eventTime > '2026-01-01 00:00:01.000' ORDER BY eventTime DESC`,
      [["eventName"], ["GetObject"], ["PutObject"]],
    ],
    [`SELECT EVENTNAME FROM ${store} WHERE eventTime = '2026-01-01 00:00:01'`, [["EVENTNAME"], ["GetObject"]]],
    [`SELECT eventTime FROM ${store} ORDER BY 1 LIMIT 1`, [["eventTime"], ["2026-01-01 00:00:01.000"]]],
    [
      `SELECT userIdentity.arn AS who, count(*) AS n FROM ${store} GROUP BY userIdentity.arn ORDER BY n DESC, who`,
      [
        ["who", "n"],
        ["arn:aws:iam::111122223333:user/alice", "2"],
        ["arn:aws:iam::111122223333:user/bob", "1"],
      ],
    ],
    [`SELECT count(*) FROM ${store}`, [["_col0"], ["3"]]],
    [
      `SELECT element_at(requestParameters, 'bucketName') AS b FROM ${store} ORDER BY eventTime`,
      [["b"], ["b"], ["b"], ["null"]],
    ],
    [
      `SELECT requestParameters['count'] c, requestParameters['nested'] FROM ${store} LIMIT 1`,
      [
        ["c", "_col1"],
        ["3", '{"a":1}'],
      ],
    ],
    [`SELECT resources[1].arn FROM ${store} LIMIT 1`, [["arn"], ["arn:aws:s3:::b/k"]]],
    [
      `SELECT DISTINCT r.type FROM ${store} CROSS JOIN UNNEST(resources) AS r (accountId, type, arn, prefix)`,
      [["type"], ["AWS::S3::Object"]],
    ],
    [`SELECT eventName FROM ${store} WHERE eventName LIKE 'put%'`, [["eventName"]]],
    [`SELECT eventName FROM ${store} WHERE eventName LIKE 'Put%'`, [["eventName"], ["PutObject"]]],
    [`SELECT readOnly FROM ${store} WHERE NOT readOnly`, [["readOnly"], ["false"]]],
    [`SELECT errorCode FROM ${store} ORDER BY errorCode`, [["errorCode"], ["AccessDenied"], ["null"], ["null"]]],
    [`SELECT errorCode FROM ${store} ORDER BY errorCode DESC NULLS FIRST LIMIT 1`, [["errorCode"], ["null"]]],
    [`SELECT e.eventName FROM ${store} AS e WHERE e.userIdentity.userName IN ('bob')`, [["eventName"], ["GetObject"]]],
    [
      `SELECT eventSource, count(*) c FROM ${store} GROUP BY 1 HAVING count(*) > 1`,
      [
        ["eventSource", "c"],
        ["s3.amazonaws.com", "2"],
      ],
    ],
    [
      `SELECT a.eventID FROM ${store} a INNER JOIN ${other} b ON a.eventID = b.eventID WHERE b.errorCode IS NOT NULL`,
      [["eventID"], ["id-alice-2"]],
    ],
    [
      `SELECT eventSource FROM ${store} UNION SELECT eventSource FROM ${other} ORDER BY eventSource`,
      [["eventSource"], ["kms.amazonaws.com"], ["s3.amazonaws.com"]],
    ],
    [
      `WITH w AS (SELECT eventName n FROM ${store}) SELECT n, count(*) FROM w GROUP BY n ORDER BY n`,
      [
        ["n", "_col1"],
        ["GetObject", "2"],
        ["PutObject", "1"],
      ],
    ],
    [`SELECT eventID FROM ${store} WHERE eventTime > date_add('second', -86398, now())`, [["eventID"], ["id-bob-3"]]],
    [
      `SELECT eventID FROM ${store} WHERE eventTime >= current_timestamp - interval '1' day AND eventID LIKE '%3'`,
      [["eventID"], ["id-bob-3"]],
    ],
    [
      `SELECT date_trunc('day', eventTime) d, count_if(readOnly) FROM ${store} GROUP BY date_trunc('day', eventTime)`,
      [
        ["d", "_col1"],
        ["2026-01-01 00:00:00.000", "2"],
      ],
    ],
    [
      `SELECT CASE WHEN readOnly THEN 'r' ELSE 'w' END FROM ${store} ORDER BY eventTime LIMIT 2`,
      [["_col0"], ["r"], ["w"]],
    ],
    [
      `SELECT userIdentity FROM ${store} WHERE userIdentity.username = 'bob'`,
      [
        ["userIdentity"],
        [
          "{type=IAMUser, principalid=null, arn=arn:aws:iam::111122223333:user/bob, accountid=null, accesskeyid=null, username=bob, sessioncontext=null, onbehalfof=null, inscopeof=null, invokedby=null, identityprovider=null, credentialid=null}",
        ],
      ],
    ],
    [`SELECT avg(CAST(requestParameters['count'] AS bigint)) FROM ${store}`, [["_col0"], ["3.0"]]],
    [`SELECT CAST(requestParameters['count'] AS bigint) / 2 FROM ${store} LIMIT 1`, [["_col0"], ["1"]]],
    [`SELECT x.n FROM (SELECT eventName AS n FROM ${store} ORDER BY eventTime DESC LIMIT 1) x`, [["n"], ["GetObject"]]],
    [
      `SELECT json_extract_scalar(eventJson, '$.userIdentity.userName') FROM ${store} WHERE errorCode = 'AccessDenied'`,
      [["_col0"], ["alice"]],
    ],
    [`SELECT eventName FROM ${store} WHERE regexp_like(eventName, '^P.t') -- note`, [["eventName"], ["PutObject"]]],
    [
      `SELECT lower(eventName) || '!' FROM ${store} WHERE eventTime BETWEEN '2026-01-01 00:00:02' AND '2026-01-01 00:00:02'`,
      [["_col0"], ["putobject!"]],
    ],
    [
      `SELECT eventName FROM ${store} e WHERE EXISTS (SELECT 1 FROM ${other} o WHERE o.eventID = e.eventID AND o.errorCode = 'AccessDenied')`,
      [["eventName"], ["PutObject"]],
    ],
    [
      `SELECT 'it''s', 1.5, true FROM ${store} LIMIT 1`,
      [
        ["_col0", "_col1", "_col2"],
        ["it's", "1.5", "true"],
      ],
    ],
  ];
  for (const [statement, result] of cases) {
    test(statement.replaceAll(store, "store"), () => assert.deepEqual(run(statement), result));
  }
});

describe("statements are refused with the place and the reason", () => {
  const cases: [statement: string, message: RegExp][] = [
    ["DELETE FROM x", /^line 1:1: mismatched input 'DELETE'. Expecting: 'SELECT'$/],
    [`SELECT 1 FROM ${store}; DROP TABLE x`, /^line 1:\d+: mismatched input 'DROP'. Expecting: '<EOF>'/],
    ["SELECT 1", /names no event data store/],
    [`SELECT nothing FROM ${store}`, /^line 1:8: Column 'nothing' cannot be resolved$/],
    [`SELECT userIdentity.nothing FROM ${store}`, /Field 'nothing' cannot be resolved/],
    [`SELECT load_extension('x') FROM ${store}`, /Function 'load_extension' is not supported/],
    [`SELECT toString() FROM ${store}`, /Function 'tostring' is not supported/],
    [`SELECT * FROM sqlite_master, ${store}`, /Table 'sqlite_master' does not exist/],
    [`SELECT rowid FROM ${store}`, /Column 'rowid' cannot be resolved/],
    [
      `SELECT eventName, count(*) FROM ${store}`,
      /'eventName' must be an aggregate expression or appear in GROUP BY clause/,
    ],
    [`SELECT eventName n FROM ${store} WHERE n = 'x'`, /Column 'n' cannot be resolved/],
    [`SELECT 1 FROM ${store} WHERE eventTime > 'yesterday'`, /'yesterday' is not a valid timestamp literal/],
    [`SELECT 1 FROM ${store} WHERE readOnly = 'true'`, /Cannot apply operator/],
    [`SELECT 1 FROM ${store} WHERE eventName`, /must evaluate to a boolean \(actual: varchar\)/],
    [`SELECT 1 FROM ${store} WHERE count(*) > 1`, /aggregate function count cannot stand here/],
    [`SELECT row_number() OVER (ORDER BY eventTime) FROM ${store}`, /window functions are not supported/],
    [`SELECT a.eventName FROM ${store} a FULL JOIN ${other} b ON a.eventID = b.eventID`, /FULL JOIN is not supported/],
    [`SELECT eventName FROM ${store} a, ${other} b`, /Column 'eventName' is ambiguous/],
    [`SELECT ${"(".repeat(500)}1${")".repeat(500)} FROM ${store}`, /nested too deeply/],
    [`SELECT 'open FROM ${store}`, /mismatched input '''/],
    [`SELECT 1 FROM ${store} UNION SELECT 1, 2 FROM ${store}`, /different number of fields/],
    [`WITH RECURSIVE t AS (SELECT 1 FROM ${store}) SELECT 1 FROM t`, /WITH RECURSIVE is not supported/],
    ["PRAGMA database_list", /mismatched input 'PRAGMA'/],
    ["ATTACH 'x' AS y", /mismatched input 'ATTACH'/],
  ];
  for (const [statement, message] of cases) {
    test(statement.slice(0, 90), () => {
      assert.throws(
        () => run(statement),
        (error) => error instanceof QueryError && message.test(error.message),
      );
    });
  }
});

test("what a value makes impossible fails the query with Trino's words", () => {
  assert.throws(() => run(`SELECT CAST(eventName AS bigint) FROM ${store}`), /Cannot cast 'GetObject' to bigint/);
  assert.throws(() => run(`SELECT 1 / count(errorMessage) FROM ${store}`), /Division by zero/);
  assert.deepEqual(run(`SELECT TRY_CAST(eventName AS bigint) FROM ${store} LIMIT 1`)[1], ["null"]);
});

test("times", () => {
  assert.equal(timestampOf("2026-01-01T09:00:00+09:00"), "2026-01-01 00:00:00.000");
  assert.equal(timestampOf("2026-02-30 00:00:00"), undefined);
  assert.equal(addTime("month", 1, "2026-01-31 00:00:00.000"), "2026-02-28 00:00:00.000");
  assert.equal(truncateTime("week", "2026-01-01 05:00:00.000"), "2025-12-29 00:00:00.000");
  assert.equal(timeBetween("month", "2026-01-31 00:00:00.000", "2026-03-30 00:00:00.000"), 1);
  assert.equal(timeBetween("day", "2026-01-03 00:00:00.000", "2026-01-01 00:00:00.000"), -2);
});
