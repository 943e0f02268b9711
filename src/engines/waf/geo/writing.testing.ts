/** Writes a small MaxMind DB for tests. */
import { parseNetwork } from "../addresses.ts";

type Value = string | number | { [key: string]: Value };
type Tree = [Tree | number | undefined, Tree | number | undefined];

/** Networks (not within each other) → records. */
export function networkDatabase(networks: Record<string, Value>, recordBits: 24 | 28 | 32): Buffer {
  const data: Buffer[] = [];
  let dataLength = 0;
  const root: Tree = [undefined, undefined];
  for (const [network, record] of Object.entries(networks)) {
    const { start, bits } = parseNetwork(network)!;
    const prefix = Number(network.split("/")[1]) + (bits === 32 ? 96 : 0);
    let node = root;
    for (let i = 0; i < prefix; i++) {
      const side = Number((start >> BigInt(127 - i)) & 1n) as 0 | 1;
      if (i === prefix - 1) node[side] = dataLength;
      else node = (node[side] ??= [undefined, undefined]) as Tree;
    }
    const encoded = encode(record);
    data.push(encoded);
    dataLength += encoded.length;
  }
  const nodes: Tree[] = [];
  const number = (tree: Tree): void => {
    nodes.push(tree);
    for (const child of tree) if (Array.isArray(child)) number(child);
  };
  number(root);
  const record = (child: Tree[number]): number =>
    child === undefined ? nodes.length : Array.isArray(child) ? nodes.indexOf(child) : nodes.length + 16 + child;
  const tree = Buffer.concat(nodes.map(([left, right]) => pair(record(left), record(right), recordBits)));
  const metadata = encode({
    node_count: nodes.length,
    record_size: recordBits,
    ip_version: 6,
    database_type: "test",
    binary_format_major_version: 2,
  });
  return Buffer.concat([tree, Buffer.alloc(16), ...data, Buffer.from("\xab\xcd\xefMaxMind.com", "latin1"), metadata]);
}

function pair(left: number, right: number, bits: 24 | 28 | 32): Buffer {
  const bytes = Buffer.alloc(bits / 4);
  if (bits === 28) {
    bytes.writeUIntBE(left & 0xffffff, 0, 3);
    bytes[3] = ((left >>> 24) << 4) | (right >>> 24);
    bytes.writeUIntBE(right & 0xffffff, 4, 3);
  } else {
    bytes.writeUIntBE(left, 0, bits / 8);
    bytes.writeUIntBE(right, bits / 8, bits / 8);
  }
  return bytes;
}

function encode(value: Value): Buffer {
  if (typeof value === "string") return Buffer.concat([Buffer.of((2 << 5) | value.length), Buffer.from(value)]);
  if (typeof value === "number") {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return Buffer.concat([Buffer.of((6 << 5) | 4), bytes]);
  }
  const members = Object.entries(value).flatMap(([key, each]) => [encode(key), encode(each)]);
  return Buffer.concat([Buffer.of((7 << 5) | Object.keys(value).length), ...members]);
}
