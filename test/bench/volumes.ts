/**
 * Volumes over NBD, written and read in order by `qemu-img bench`: encrypted ones beside plain ones, beside a file without
 * a server, and beside qemu's own NBD server over such a file.
 */
import { spawn } from "node:child_process";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EC2 } from "@aws-sdk/client-ec2";
import { isInstalled, run } from "../cli.ts";
import { eventually, startInstance } from "../instance.ts";
import { nbdUri } from "../nbd.ts";
import { cpuOfInstance } from "./parts/processes.ts";
import { print, type Row, skipped } from "./parts/row.ts";

/** Bytes of a request, and how many of them. */
const patterns = [
  { name: "1 MiB", size: 1024 * 1024, count: 512 },
  { name: "4 KiB", size: 4096, count: 8192 },
];
const atOnce = 8;
/** A volume whose own speed is beyond the host's: 4,000 MiB/s. */
const fastest = { VolumeType: "io2", Size: 64, Iops: 64_000 } as const;
const ways = ["write", "read"] as const;
type Way = (typeof ways)[number];

/** Bytes per second. */
async function rate(target: string, way: Way, size: number, count: number): Promise<number> {
  const args = ["bench", "-f", "raw", "-t", "writeback", "-c", String(count), "-s", String(size), "-d", String(atOnce)];
  const ran = await run("qemu-img", [...args, ...(way === "write" ? ["-w"] : []), target], {
    PATH: process.env["PATH"],
  });
  const seconds = Number(/Run completed in ([\d.]+) seconds/.exec(ran.stdout)?.[1]);
  if (!(seconds > 0)) throw new Error(`qemu-img bench: ${ran.stderr}`);
  return (size * count) / seconds;
}

/** The better of two runs: the first one also makes room on the disk and warms up. */
async function best(target: string, way: Way, size: number, count: number): Promise<number> {
  return Math.max(await rate(target, way, size, count), await rate(target, way, size, count));
}

const said = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB/s`;

export async function bench(): Promise<Row[]> {
  if (!(await isInstalled("qemu-img"))) return [skipped("volumes", "qemu-utils is not installed")];
  const folder = await mkdtemp(join(tmpdir(), "jikimi-bench-"));
  const instance = await startInstance();
  const file = join(folder, "file");
  const socket = join(folder, "qemu.sock");
  const sized = await open(file, "w");
  await sized.truncate(2 ** 30);
  await sized.close();
  const server = spawn("qemu-nbd", ["-f", "raw", "-k", socket, "-x", "disk", "-t", "--cache=writeback", file]);
  try {
    const ec2 = new EC2(instance.client);
    const made = async (Encrypted: boolean): Promise<string> => {
      const { VolumeId } = await ec2.createVolume({ AvailabilityZone: "us-east-1a", ...fastest, Encrypted });
      await eventually(async () => {
        const { Volumes } = await ec2.describeVolumes({ VolumeIds: [VolumeId!] });
        return Volumes![0]!.State === "available";
      });
      return nbdUri(instance, VolumeId!);
    };
    const [encrypted, plain] = [await made(true), await made(false)];
    const baselines = [
      { who: "unencrypted volume", target: plain },
      { who: "qemu-nbd over a file", target: `nbd+unix:///disk?socket=${socket}` },
      { who: "file", target: file },
    ];
    const rows: Row[] = [];
    for (const { name, size, count } of patterns) {
      for (const way of ways) {
        const cpu = async (target: string): Promise<number> => {
          const before = await cpuOfInstance(instance);
          await rate(target, way, size, count);
          return (await cpuOfInstance(instance)) - before;
        };
        const own = await best(encrypted, way, size, count);
        const cpus = { own: await cpu(encrypted), plain: await cpu(plain) };
        const spent = (ms: number): string => `${((ms * 2 ** 30) / (size * count)).toFixed(0)} ms for each GiB`;
        rows.push({
          name: `volume ${way} ${name}, unencrypted volume: CPU`,
          ratio: cpus.plain / cpus.own,
          detail: `${spent(cpus.own)} encrypted; ${spent(cpus.plain)}`,
        });
        for (const { who, target } of baselines) {
          const other = await best(target, way, size, count);
          const detail = `${said(own)} encrypted; ${said(other)}`;
          rows.push({ name: `volume ${way} ${name}, ${who}`, ratio: own / other, detail });
        }
      }
    }
    return rows;
  } finally {
    server.kill();
    await instance.stop();
    await rm(folder, { recursive: true });
  }
}

if (import.meta.main) print(await bench());
