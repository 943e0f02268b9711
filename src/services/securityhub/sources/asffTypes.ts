/**
 * GuardDuty's finding types as the types of the AWS Security Finding Format.
 * Source: GuardDuty User Guide, "Interpreting GuardDuty finding names in AWS Security Hub CSPM": a table of all of them,
 * of which this is the rule and what deviates from it.
 */

/** The tactic that stands between `TTPs` and the type, by the purpose of the finding type. */
const tactics: Readonly<Record<string, string>> = {
  Backdoor: "Command and Control",
  CredentialAccess: "Credential Access",
  CryptoCurrency: "Command and Control",
  DefenseEvasion: "Defense Evasion",
  Discovery: "Discovery",
  Execution: "Execution",
  Exfiltration: "Exfiltration",
  Impact: "Impact",
  InitialAccess: "Initial Access",
  Object: "Object",
  Persistence: "Persistence",
  PrivilegeEscalation: "Privilege Escalation",
  Recon: "Discovery",
  Stealth: "Defense Evasion",
  Trojan: "Command and Control",
};

/** `$…` as in `String.replace`, `{tactic}` by the purpose. The first row that matches counts. */
const deviations: readonly (readonly [of: RegExp, ...as: string[]])[] = [
  [/^(AttackSequence:.+)$/, "TTPs/$1"],
  [/^(PenTest:IAMUser\/.+)$/, "TTPs/$1"],
  [/^Behavior:EC2\/(.+)$/, "Unusual Behaviors/VM/Behavior:EC2-$1"],
  [/^\w+:IAMUser\/AnomalousBehavior$/, "TTPs/{tactic}/IAMUser-AnomalousBehavior"],
  [/^(\w+):Kubernetes\/AnomalousBehavior\.(.+)$/, "TTPs/AnomalousBehavior/$1:Kubernetes-$2"],
  [/^Policy:Kubernetes\/(.+)$/, "Software and Configuration Checks/AWS Security Best Practices/Policy:Kubernetes-$1"],
  [/^(CredentialAccess|DefenseEvasion|PrivilegeEscalation):Kubernetes\/(.+)$/, "TTPs/$1/$1:Kubernetes-$2"],
  [
    /^(CryptoCurrency):Lambda\/(.+)$/,
    "TTPs/Command and Control/$1:Lambda-$2",
    "Effects/Resource Consumption/$1:Lambda-$2",
  ],
  [/^DefenseEvasion:EC2\/UnusualDNSResolver$/, "TTPs/DefenseEvasion/EC2:Unusual-DNS-Resolver"],
  [/^DefenseEvasion:EC2\/Unusual(Do[HT])Activity$/, "TTPs/DefenseEvasion/EC2:Unusual-$1-Activity"],
  [/^(DefenseEvasion):Runtime\/(PtraceAntiDebugging|SuspiciousCommand)$/, "TTPs/$1/$1:Runtime-$2"],
  [/^Discovery:RDS\/(.+)$/, "TTPs/Discovery/RDS-$1"],
  [/^Impact:EC2\/(.+DomainRequest\.Reputation)$/, "TTPs/Impact:EC2-$1"],
  [/^(Discovery|Exfiltration|Impact):S3\/(.+)$/, "TTPs/$1:S3-$2"],
  [/^(Policy:S3)\/(BucketBlockPublicAccessDisabled)$/, "Effects/Data Exposure/$1-$2"],
  [/^(PrivilegeEscalation:Runtime)\/(SuspiciousCommand)$/, "Software and Configuration Checks/$1-$2"],
  [/^(Trojan:\w+)\/(DriveBySourceTraffic.*)$/, "TTPs/Initial Access/$1-$2"],
  [/^(Trojan:\w+)\/(DropPoint.*)$/, "Effects/Data Exfiltration/$1-$2"],
  [/^(UnauthorizedAccess:(?:EC2|Lambda))\/(MaliciousIPCaller\.Custom)$/, "TTPs/Command and Control/$1-$2"],
  [/^(UnauthorizedAccess:EC2)\/((?:RDP|SSH)BruteForce)$/, "TTPs/Initial Access/$1-$2"],
  [/^(UnauthorizedAccess:\w+)\/(Tor(?:Client|Relay))$/, "Effects/Resource Consumption/$1-$2"],
  [/^(UnauthorizedAccess:IAMUser)\/(\w+CredentialExfiltration\..+)$/, "Effects/Data Exfiltration/$1-$2"],
  [/^(UnauthorizedAccess:IAMUser)\/(TorIPCaller)$/, "TTPs/Command and Control/$1-$2"],
];

export function asffTypes(type: string): string[] {
  const [purpose = "", rest = ""] = type.split(":");
  const tactic = Object.hasOwn(tactics, purpose) ? tactics[purpose] : undefined;
  for (const [of, ...as] of deviations) {
    if (of.test(type)) return as.map((each) => type.replace(of, each).replace("{tactic}", tactic ?? purpose));
  }
  const name = `${purpose}:${rest.replace("/", "-")}`;
  return [tactic === undefined ? `TTPs/${name}` : `TTPs/${tactic}/${name}`];
}
