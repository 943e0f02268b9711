/** Who can subscribe: protocols, and the form of their endpoints. Source: SNS API Reference, Subscribe. */
import { parseArn } from "#kernel/arn.ts";
import { invalid, notServed } from "./errors.ts";
import type { SnsSettings } from "./parts.ts";
import type { Protocol } from "./state.ts";

/** AWS's protocols that nothing here can deliver to, with what they would need. */
const unserved: Readonly<Record<string, string>> = {
  sms: "text messages",
  application: "mobile push endpoints",
  firehose: "Firehose streams",
  lambda: "Lambda functions",
};

/** @throws InvalidParameter */
export function checkEndpoint(
  protocol: string | undefined,
  endpoint: string | undefined,
  settings: SnsSettings,
  fifo: boolean,
): Protocol {
  const given = endpoint ?? "";
  if (Object.hasOwn(unserved, protocol ?? "")) throw notServed("Protocol", unserved[protocol!]!);
  switch (protocol) {
    case "sqs": {
      const arn = parseArn(given);
      if (arn?.service !== "sqs" || !/^\d{12}$/.test(arn.account) || arn.resource === "")
        throw invalid("SQS endpoint ARN");
      if (!fifo && arn.resource.endsWith(".fifo")) {
        throw invalid("Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics");
      }
      return protocol;
    }
    case "http":
    case "https":
      if (!isUrl(given, protocol)) throw invalid("Endpoint must match the specified protocol");
      break;
    case "email":
    case "email-json":
      if (settings.smtpUrl === undefined)
        throw notServed("Protocol", "e-mail addresses (no mail server is configured)");
      if (!/^[^\s@<>",;:\\()[\]]{1,64}@[A-Za-z0-9.-]{1,255}$/.test(given)) throw invalid("Email address");
      break;
    default:
      throw invalid(`Does not support this protocol string: ${(protocol ?? "").slice(0, 64)}`);
  }
  if (fifo) throw invalid("Invalid protocol type for FIFO topics: only SQS queues can be subscribed");
  return protocol;
}

function isUrl(text: string, protocol: string): boolean {
  if (text.length > 2048) return false;
  try {
    return new URL(text).protocol === `${protocol}:`;
  } catch {
    return false;
  }
}
