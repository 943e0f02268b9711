import assert from "node:assert/strict";
import { test } from "node:test";
import { loadModel } from "#model/load.ts";
import { WireFailure } from "./failure.ts";
import { formTree, parseForm, QueryReaders } from "./queryRead.ts";

const read = (service: string, operation: string, form: string): unknown => {
  const readers = new QueryReaders(service === "ec2" ? "ec2" : "query");
  return readers.of(loadModel(service).operations.get(operation)!.input)(formTree(parseForm(form)));
};

test("awsQuery: nested members, lists, maps", () => {
  assert.deepEqual(
    read("iam", "CreateRole", "Action=CreateRole&RoleName=r&Tags.member.1.Key=k&Tags.member.1.Value=a+b%26c"),
    {
      RoleName: "r",
      Tags: [{ Key: "k", Value: "a b&c" }],
    },
  );
  assert.deepEqual(read("sns", "CreateTopic", "Name=t&Attributes.entry.1.key=A&Attributes.entry.1.value=B"), {
    Name: "t",
    Attributes: { A: "B" },
  });
  assert.deepEqual(read("iam", "SimulateCustomPolicy", "PolicyInputList="), { PolicyInputList: [] });
});

test("ec2Query: flattened lists, capitalized names", () => {
  assert.deepEqual(
    read(
      "ec2",
      "DescribeInstances",
      "InstanceId.2=i-2&InstanceId.1=i-1&Filter.1.Name=n&Filter.1.Value.1=v&DryRun=true&MaxResults=5",
    ),
    { InstanceIds: ["i-1", "i-2"], Filters: [{ Name: "n", Values: ["v"] }], DryRun: true, MaxResults: 5 },
  );
});

test("list positions are numbers in order, gaps are closed", () => {
  assert.deepEqual(read("ec2", "DescribeInstances", "InstanceId.10=b&InstanceId.9=a&InstanceId.999999999=c"), {
    InstanceIds: ["a", "b", "c"],
  });
});

test("refuses", () => {
  const refused: [service: string, operation: string, form: string][] = [
    ["iam", "CreateRole", "MaxSessionDuration=abc"],
    ["iam", "CreateRole", "RoleName.x=abc"],
    ["iam", "CreateRole", "Tags=abc"],
    ["iam", "CreateRole", "Tags.member.x.Key=abc"],
    ["iam", "CreateRole", "Tags.member.1=abc"],
    ["iam", "CreateRole", "RoleName=a&RoleName=b"],
    ["iam", "CreateRole", "RoleName=%zz"],
    ["iam", "CreateRole", "RoleName=%ff"],
    ["ec2", "DescribeInstances", "DryRun=maybe"],
    ["sns", "CreateTopic", "Attributes.entry.1.key=A"],
    ["iam", "CreateRole", `${"a.".repeat(200)}b=1`],
  ];
  for (const [service, operation, form] of refused) {
    assert.throws(() => read(service, operation, form), WireFailure, form.slice(0, 40));
  }
});

test("__proto__ in names and map keys changes nothing", () => {
  assert.deepEqual(read("iam", "CreateRole", "__proto__.x=1&RoleName=r"), { RoleName: "r" });
  const out = read("sns", "CreateTopic", "Attributes.entry.1.key=__proto__&Attributes.entry.1.value=B") as {
    Attributes: object;
  };
  assert.deepEqual(Object.keys(out.Attributes), ["__proto__"]);
  assert.equal(({} as Record<string, unknown>)["x"], undefined);
});

test("SQS as older clients speak it: SQS API Reference, SendMessage and CreateQueue", () => {
  assert.deepEqual(
    read(
      "sqs",
      "SendMessage",
      "QueueUrl=q&MessageBody=b&MessageAttribute.1.Name=n&MessageAttribute.1.Value.StringValue=v&MessageAttribute.1.Value.DataType=String",
    ),
    { QueueUrl: "q", MessageBody: "b", MessageAttributes: { n: { StringValue: "v", DataType: "String" } } },
  );
  assert.deepEqual(
    read(
      "sqs",
      "CreateQueue",
      "QueueName=q&Attribute.1.Name=DelaySeconds&Attribute.1.Value=5&Tag.1.Key=k&Tag.1.Value=v",
    ),
    { QueueName: "q", Attributes: { DelaySeconds: "5" }, tags: { k: "v" } },
  );
});
