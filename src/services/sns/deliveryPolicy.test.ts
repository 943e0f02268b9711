import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  delayBefore,
  effectivePolicy,
  readTopicPolicy,
  readSubscriptionPolicy,
  type RetryPolicy,
} from "./deliveryPolicy.ts";
import { isPrivate } from "#kernel/publicAddresses.ts";

const seconds = (policy: RetryPolicy): number[] => {
  const delays: number[] = [];
  for (let retry = 1; ; retry++) {
    const delay = delayBefore(retry, policy);
    if (delay === undefined || delays.length === 60) return delays;
    delays.push(delay / 1000);
  }
};

describe("the phases of a delivery policy", () => {
  /** SNS Developer Guide, "Creating an HTTP/S delivery policy": the example with all phases. */
  test("no delay, minimum, backing off, maximum", () => {
    const { retry } = readSubscriptionPolicy(
      JSON.stringify({
        healthyRetryPolicy: {
          minDelayTarget: 1,
          maxDelayTarget: 60,
          numRetries: 50,
          numNoDelayRetries: 3,
          numMinDelayRetries: 2,
          numMaxDelayRetries: 35,
          backoffFunction: "exponential",
        },
      }),
    );
    const delays = seconds(retry!);
    assert.equal(delays.length, 50);
    assert.deepEqual(delays.slice(0, 6), [0, 0, 0, 1, 1, 1]);
    assert.deepEqual(
      delays.slice(14),
      Array.from({ length: 36 }, () => 60),
    );
    assert.deepEqual(
      delays,
      delays.toSorted((a, b) => a - b),
    );
  });

  test("without a policy: three times after twenty seconds over HTTP, 23 days to queues", () => {
    assert.deepEqual(seconds(effectivePolicy("https", undefined, undefined).retry), [20, 20, 20]);
    const queue = effectivePolicy("sqs", undefined, undefined).retry;
    assert.deepEqual(seconds(queue).slice(0, 6), [0, 0, 0, 1, 1, 1]);
    assert.equal(delayBefore(15, queue), 20_000);
    assert.equal(delayBefore(100_015, queue), 20_000);
    assert.equal(delayBefore(100_016, queue), undefined);
  });

  test("the topic's holds for subscriptions without one, or for all when it says so", () => {
    const topic = (disableSubscriptionOverrides: boolean) =>
      JSON.stringify({
        http: {
          defaultHealthyRetryPolicy: { numRetries: 1, minDelayTarget: 5, maxDelayTarget: 5 },
          disableSubscriptionOverrides,
        },
      });
    const own = JSON.stringify({ healthyRetryPolicy: { numRetries: 2, minDelayTarget: 7, maxDelayTarget: 7 } });
    assert.deepEqual(seconds(effectivePolicy("http", topic(false), undefined).retry), [5]);
    assert.deepEqual(seconds(effectivePolicy("http", topic(false), own).retry), [7, 7]);
    assert.deepEqual(seconds(effectivePolicy("http", topic(true), own).retry), [5]);
  });

  for (const [what, policy] of Object.entries({
    "no JSON": "{",
    "an unknown member": '{"http": {"nope": {}}}',
    "too many retries": '{"http": {"defaultHealthyRetryPolicy": {"numRetries": 101}}}',
    "minimum above maximum": '{"http": {"defaultHealthyRetryPolicy": {"minDelayTarget": 9, "maxDelayTarget": 8}}}',
    "phases beyond the retries": '{"http": {"defaultHealthyRetryPolicy": {"numRetries": 1, "numNoDelayRetries": 2}}}',
    "an unknown function": '{"http": {"defaultHealthyRetryPolicy": {"backoffFunction": "cubic"}}}',
  })) {
    test(`refuses ${what}`, () => assert.throws(() => readTopicPolicy(policy), { code: "InvalidParameter" }));
  }
});

test("private addresses are told from public ones", () => {
  for (const address of [
    "127.0.0.1",
    "10.1.2.3",
    "172.31.0.1",
    "192.168.0.1",
    "169.254.169.254",
    "::1",
    "fe80::1",
    "fd00::1",
    "::ffff:10.0.0.1",
    "0.0.0.0",
  ]) {
    assert.equal(isPrivate(address), true, address);
  }
  for (const address of ["8.8.8.8", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8"])
    assert.equal(isPrivate(address), false, address);
});
