/** The compiled readers and writers, shared by every operation of a protocol. */
import { CborWriters } from "./cborWrite.ts";
import { JsonWriters } from "./jsonWrite.ts";
import { QueryReaders } from "./queryRead.ts";
import { awsJsonDialect, cborDialect, restJsonDialect, TreeReaders } from "./treeRead.ts";
import { XmlReaders } from "./xmlRead.ts";
import { XmlWriters } from "./xmlWrite.ts";

/** INVARIANT: holds compiled closures of the committed models only, never data of a request. */
export class Codecs {
  readonly awsJsonIn = new TreeReaders(awsJsonDialect);
  readonly restJsonIn = new TreeReaders(restJsonDialect);
  readonly cborIn = new TreeReaders(cborDialect);
  readonly xmlIn = new XmlReaders();
  readonly queryIn = new QueryReaders("query");
  readonly ec2In = new QueryReaders("ec2");
  readonly awsJsonOut = new JsonWriters(false);
  readonly restJsonOut = new JsonWriters(true);
  readonly cborOut = new CborWriters();
  readonly xmlOut = new XmlWriters();
}
