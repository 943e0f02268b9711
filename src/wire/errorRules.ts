/**
 * How services differ in what they answer to a bad request; one row per service that differs from its protocol's rule.
 *
 * validation: code for a violated constraint. Sources: "Common Errors" of each API Reference; LocalStack's recorded
 * snapshots for the shape of the text.
 * malformed: code for a body that cannot be read.
 * constraints: "required" where AWS checks in the handler what the model states (EC2 and S3 state little and answer with
 * codes of their own), "all" otherwise.
 */
import type { Member, ServiceModel } from "#model/types.ts";
import type { Protocol } from "./contract.ts";

export interface ErrorRules {
  validation: string;
  malformed: string;
  constraints: "all" | "required";
  /** Code and text for a missing member where they are not the general ones. */
  missing?(member: Member): [code: string, text: string];
}

const byProtocol: Readonly<Record<Protocol, Pick<ErrorRules, "validation" | "malformed">>> = {
  awsJson1_0: { validation: "ValidationException", malformed: "SerializationException" },
  awsJson1_1: { validation: "ValidationException", malformed: "SerializationException" },
  restJson1: { validation: "ValidationException", malformed: "SerializationException" },
  rpcV2Cbor: { validation: "ValidationException", malformed: "SerializationException" },
  awsQuery: { validation: "ValidationError", malformed: "MalformedInput" },
  ec2Query: { validation: "InvalidParameterValue", malformed: "InvalidParameterValue" },
  restXml: { validation: "InvalidArgument", malformed: "MalformedInput" },
};

function missingParameter(member: Member): [string, string] {
  return ["MissingParameter", `The request must contain the parameter ${member.name}`];
}

/** S3 API Reference, "Error responses": InvalidRequest, MissingRequestBodyError, MalformedXML. */
function missingFromS3(member: Member): [string, string] {
  const { location } = member;
  if (location === "header") return ["InvalidRequest", `Missing required header for this request: ${member.wireName}`];
  if (location === "query") return ["InvalidArgument", `Missing required parameter: ${member.wireName}`];
  if (location === "payload") return ["MissingRequestBodyError", "Request Body is empty"];
  return ["MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema"];
}

const byService: Readonly<Record<string, Partial<ErrorRules>>> = {
  sns: { validation: "InvalidParameter" },
  sqs: { validation: "InvalidParameterValue", constraints: "required", missing: missingParameter },
  guardduty: { validation: "BadRequestException" },
  apigateway: { validation: "BadRequestException" },
  apigatewayv2: { validation: "BadRequestException" },
  wafv2: { validation: "WAFInvalidParameterException" },
  cloudwatch: { validation: "InvalidParameterValue" },
  organizations: { validation: "InvalidInputException" },
  logs: { validation: "InvalidParameterException" },
  ecr: { validation: "InvalidParameterException" },
  eks: { validation: "InvalidParameterException" },
  shield: { validation: "InvalidParameterException" },
  lambda: { validation: "ValidationException" },
  securityhub: { validation: "InvalidInputException" },
  globalaccelerator: { validation: "InvalidArgumentException" },
  acm: { validation: "ValidationException" },
  cloudhsmv2: { validation: "CloudHsmInvalidRequestException" },
  route53resolver: { validation: "InvalidRequestException" },
  resourcegroupstaggingapi: { validation: "InvalidParameterException" },
  route53: { validation: "InvalidInput", malformed: "MalformedInput" },
  cloudfront: { validation: "InvalidArgument", malformed: "MalformedInput" },
  rds: { validation: "InvalidParameterValue", missing: missingParameter },
  ec2: { constraints: "required", missing: missingParameter },
  s3: { constraints: "required", malformed: "MalformedXML", missing: missingFromS3 },
  s3control: {
    validation: "InvalidRequest",
    malformed: "MalformedXML",
    constraints: "required",
    missing: missingFromS3,
  },
};

export function errorRules(service: ServiceModel, protocol: Protocol): ErrorRules {
  return { constraints: "all", ...byProtocol[protocol], ...byService[service.id] };
}

/**
 * HTTP status of a modelled error. The awsJson protocols answer 400 for every client fault and 500 for every server fault
 * whatever the model says (KMS and Organizations API References print "HTTP Status Code: 400" beside NotFoundException);
 * CloudWatch, which kept its query statuses, does not. Undefined: the handler's own status stands.
 */
export function modelledStatus(
  service: ServiceModel,
  protocol: Protocol,
  error: { fault: "client" | "server"; status?: number },
): number | undefined {
  const json = protocol === "awsJson1_0" || protocol === "awsJson1_1" || protocol === "rpcV2Cbor";
  if (json && service.id !== "cloudwatch") return error.fault === "client" ? 400 : 500;
  return error.status;
}
