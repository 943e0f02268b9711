/** A small application behind a real load balancer, for scenarios of the firewall. */
import { createServer, type IncomingHttpHeaders, request as send, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { EC2 } from "@aws-sdk/client-ec2";
import { ElasticLoadBalancingV2 } from "@aws-sdk/client-elastic-load-balancing-v2";
import { ownAddress } from "../src/edge/config.ts";
import { eventually, type Instance } from "./instance.ts";

export interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface Parts {
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  body?: string;
  /** Address the client comes from; one of the loopback network. */
  from?: string;
}

export class Application {
  readonly loadBalancerArn: string;
  readonly #server: Server;
  readonly #address: string;
  readonly #port: number;
  /** Headers of the last request that reached the application. */
  seen: IncomingHttpHeaders = {};

  private constructor(server: Server, arn: string, port: number) {
    this.#server = server;
    this.loadBalancerArn = arn;
    this.#address = ownAddress(arn);
    this.#port = port;
  }

  static async behindLoadBalancer(instance: Instance, name: string): Promise<Application> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port: targetPort } = server.address() as AddressInfo;
    const ec2 = new EC2(instance.client);
    const elb = new ElasticLoadBalancingV2(instance.client);
    const vpcId = (await ec2.describeVpcs({ Filters: [{ Name: "is-default", Values: ["true"] }] })).Vpcs![0]!.VpcId!;
    const { Subnets } = await ec2.describeSubnets({ Filters: [{ Name: "vpc-id", Values: [vpcId] }] });
    const { GroupId } = await ec2.createSecurityGroup({ GroupName: name, Description: "open", VpcId: vpcId });
    await ec2.authorizeSecurityGroupIngress({
      GroupId: GroupId!,
      IpPermissions: [{ IpProtocol: "tcp", FromPort: 0, ToPort: 65_535, IpRanges: [{ CidrIp: "0.0.0.0/0" }] }],
    });
    const { LoadBalancers } = await elb.createLoadBalancer({
      Name: name,
      Subnets: Subnets!.slice(0, 2).map(({ SubnetId }) => SubnetId!),
      SecurityGroups: [GroupId!],
    });
    const LoadBalancerArn = LoadBalancers![0]!.LoadBalancerArn!;
    const { TargetGroups } = await elb.createTargetGroup({
      Name: name,
      Protocol: "HTTP",
      Port: targetPort,
      VpcId: vpcId,
      TargetType: "ip",
      HealthCheckIntervalSeconds: 5,
      HealthCheckTimeoutSeconds: 2,
      HealthyThresholdCount: 2,
    });
    const TargetGroupArn = TargetGroups![0]!.TargetGroupArn!;
    await elb.registerTargets({ TargetGroupArn, Targets: [{ Id: "127.0.0.1", Port: targetPort }] });
    // A port nobody else has on that address.
    const port = 20_000 + (targetPort % 20_000);
    await elb.createListener({
      LoadBalancerArn,
      Protocol: "HTTP",
      Port: port,
      DefaultActions: [{ Type: "forward", TargetGroupArn }],
    });
    const application = new Application(server, LoadBalancerArn, port);
    server.on("request", (incoming, outgoing) => {
      if (!(incoming.headers["user-agent"] ?? "").startsWith("ELB-HealthChecker")) application.seen = incoming.headers;
      incoming.resume().on("end", () => outgoing.end("hello"));
    });
    await eventually(async () => (await application.call()).status === 200);
    return application;
  }

  call({ method, path = "/", headers = {}, body, from }: Parts = {}): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const outgoing = send(
        {
          host: this.#address,
          port: this.#port,
          path,
          method: method ?? (body === undefined ? "GET" : "POST"),
          headers: { host: "shop.example.com", ...headers },
          agent: false,
          ...(from ? { localAddress: from } : {}),
        },
        (incoming) => {
          const chunks: Buffer[] = [];
          incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
          incoming.on("end", () =>
            resolve({
              status: incoming.statusCode!,
              headers: incoming.headers,
              body: Buffer.concat(chunks).toString(),
            }),
          );
        },
      );
      outgoing.on("error", reject);
      outgoing.end(body);
    });
  }

  async status(parts: Parts): Promise<number> {
    return (await this.call(parts)).status;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
