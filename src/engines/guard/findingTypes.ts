/**
 * GuardDuty's finding types: one row each, with the default severity and what a finding of the type follows from.
 * Source: GuardDuty User Guide, "GuardDuty finding types" (December 2025); default severities of its pages by resource.
 */

/** Where the events come from that a finding of the type is made of. */
export type DataSource =
  | "cloudTrail"
  | "s3DataEvents"
  | "flowLogs"
  | "dnsLogs"
  | "eksAuditLogs"
  | "runtimeMonitoring"
  | "rdsLogins"
  | "lambdaNetwork"
  | "malwareScan"
  | "correlation";

/** "Varies": the documentation names no default, only that it follows from the context. */
export type Band = "Low" | "Medium" | "High" | "Critical" | "Varies";

export interface FindingType {
  type: string;
  band: Band;
  source: DataSource;
}

/** The value that findings of a band carry. Source: "Severity levels of GuardDuty findings"; findings as AWS generates them. */
export const severityOf: Readonly<Record<Band, number>> = { Low: 2, Medium: 5, High: 8, Critical: 9, Varies: 5 };

const row = (type: string, band: Band, source: DataSource): FindingType => ({ type, band, source });

export const findingTypes: readonly FindingType[] = [
  // EC2: 40
  row("Backdoor:EC2/C&CActivity.B", "High", "flowLogs"),
  row("Backdoor:EC2/C&CActivity.B!DNS", "High", "dnsLogs"),
  row("Backdoor:EC2/DenialOfService.Dns", "High", "flowLogs"),
  row("Backdoor:EC2/DenialOfService.Tcp", "High", "flowLogs"),
  row("Backdoor:EC2/DenialOfService.Udp", "High", "flowLogs"),
  row("Backdoor:EC2/DenialOfService.UdpOnTcpPorts", "High", "flowLogs"),
  row("Backdoor:EC2/DenialOfService.UnusualProtocol", "High", "flowLogs"),
  row("Backdoor:EC2/Spambot", "Medium", "flowLogs"),
  row("Behavior:EC2/NetworkPortUnusual", "Medium", "flowLogs"),
  row("Behavior:EC2/TrafficVolumeUnusual", "Medium", "flowLogs"),
  row("CryptoCurrency:EC2/BitcoinTool.B", "High", "flowLogs"),
  row("CryptoCurrency:EC2/BitcoinTool.B!DNS", "High", "dnsLogs"),
  row("DefenseEvasion:EC2/UnusualDNSResolver", "Medium", "flowLogs"),
  row("DefenseEvasion:EC2/UnusualDoHActivity", "Medium", "flowLogs"),
  row("DefenseEvasion:EC2/UnusualDoTActivity", "Medium", "flowLogs"),
  row("Impact:EC2/AbusedDomainRequest.Reputation", "Medium", "dnsLogs"),
  row("Impact:EC2/BitcoinDomainRequest.Reputation", "High", "dnsLogs"),
  row("Impact:EC2/MaliciousDomainRequest.Custom", "Medium", "dnsLogs"),
  row("Impact:EC2/MaliciousDomainRequest.Reputation", "High", "dnsLogs"),
  row("Impact:EC2/PortSweep", "High", "flowLogs"),
  row("Impact:EC2/SuspiciousDomainRequest.Reputation", "Low", "dnsLogs"),
  row("Impact:EC2/WinRMBruteForce", "Low", "flowLogs"),
  row("Recon:EC2/PortProbeEMRUnprotectedPort", "High", "flowLogs"),
  row("Recon:EC2/PortProbeUnprotectedPort", "Low", "flowLogs"),
  row("Recon:EC2/Portscan", "Medium", "flowLogs"),
  row("Trojan:EC2/BlackholeTraffic", "Medium", "flowLogs"),
  row("Trojan:EC2/BlackholeTraffic!DNS", "Medium", "dnsLogs"),
  row("Trojan:EC2/DGADomainRequest.B", "High", "dnsLogs"),
  row("Trojan:EC2/DGADomainRequest.C!DNS", "High", "dnsLogs"),
  row("Trojan:EC2/DNSDataExfiltration", "High", "dnsLogs"),
  row("Trojan:EC2/DriveBySourceTraffic!DNS", "High", "dnsLogs"),
  row("Trojan:EC2/DropPoint", "Medium", "flowLogs"),
  row("Trojan:EC2/DropPoint!DNS", "Medium", "dnsLogs"),
  row("Trojan:EC2/PhishingDomainRequest!DNS", "High", "dnsLogs"),
  row("UnauthorizedAccess:EC2/MaliciousIPCaller.Custom", "Medium", "flowLogs"),
  row("UnauthorizedAccess:EC2/MetadataDNSRebind", "High", "dnsLogs"),
  row("UnauthorizedAccess:EC2/RDPBruteForce", "Low", "flowLogs"),
  row("UnauthorizedAccess:EC2/SSHBruteForce", "Low", "flowLogs"),
  row("UnauthorizedAccess:EC2/TorClient", "High", "flowLogs"),
  row("UnauthorizedAccess:EC2/TorRelay", "High", "flowLogs"),
  // IAMUser: 26
  row("CredentialAccess:IAMUser/AnomalousBehavior", "Medium", "cloudTrail"),
  row("DefenseEvasion:IAMUser/AnomalousBehavior", "Medium", "cloudTrail"),
  row("DefenseEvasion:IAMUser/BedrockLoggingDisabled", "Medium", "cloudTrail"),
  row("Discovery:IAMUser/AnomalousBehavior", "Low", "cloudTrail"),
  row("Exfiltration:IAMUser/AnomalousBehavior", "High", "cloudTrail"),
  row("Impact:IAMUser/AnomalousBehavior", "High", "cloudTrail"),
  row("InitialAccess:IAMUser/AnomalousBehavior", "Medium", "cloudTrail"),
  row("PenTest:IAMUser/KaliLinux", "Medium", "cloudTrail"),
  row("PenTest:IAMUser/ParrotLinux", "Medium", "cloudTrail"),
  row("PenTest:IAMUser/PentooLinux", "Medium", "cloudTrail"),
  row("Persistence:IAMUser/AnomalousBehavior", "Medium", "cloudTrail"),
  row("Policy:IAMUser/RootCredentialUsage", "Low", "cloudTrail"),
  row("Policy:IAMUser/ShortTermRootCredentialUsage", "Low", "cloudTrail"),
  row("PrivilegeEscalation:IAMUser/AnomalousBehavior", "Medium", "cloudTrail"),
  row("Recon:IAMUser/MaliciousIPCaller", "Medium", "cloudTrail"),
  row("Recon:IAMUser/MaliciousIPCaller.Custom", "Medium", "cloudTrail"),
  row("Recon:IAMUser/TorIPCaller", "Medium", "cloudTrail"),
  row("Stealth:IAMUser/CloudTrailLoggingDisabled", "Low", "cloudTrail"),
  row("Stealth:IAMUser/PasswordPolicyChange", "Low", "cloudTrail"),
  row("UnauthorizedAccess:IAMUser/ConsoleLoginSuccess.B", "Medium", "cloudTrail"),
  row("UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.InsideAWS", "High", "cloudTrail"),
  row("UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS", "High", "cloudTrail"),
  row("UnauthorizedAccess:IAMUser/MaliciousIPCaller", "Medium", "cloudTrail"),
  row("UnauthorizedAccess:IAMUser/MaliciousIPCaller.Custom", "Medium", "cloudTrail"),
  row("UnauthorizedAccess:IAMUser/ResourceCredentialExfiltration.OutsideAWS", "High", "cloudTrail"),
  row("UnauthorizedAccess:IAMUser/TorIPCaller", "Medium", "cloudTrail"),
  // S3: 21
  row("Discovery:S3/AnomalousBehavior", "Low", "s3DataEvents"),
  row("Discovery:S3/MaliciousIPCaller", "High", "s3DataEvents"),
  row("Discovery:S3/MaliciousIPCaller.Custom", "High", "s3DataEvents"),
  row("Discovery:S3/TorIPCaller", "Medium", "s3DataEvents"),
  row("Exfiltration:S3/AnomalousBehavior", "High", "s3DataEvents"),
  row("Exfiltration:S3/MaliciousIPCaller", "High", "s3DataEvents"),
  row("Impact:S3/AnomalousBehavior.Delete", "High", "s3DataEvents"),
  row("Impact:S3/AnomalousBehavior.Permission", "High", "s3DataEvents"),
  row("Impact:S3/AnomalousBehavior.Write", "Medium", "s3DataEvents"),
  row("Impact:S3/MaliciousIPCaller", "High", "s3DataEvents"),
  row("Object:S3/MaliciousFile", "High", "malwareScan"),
  row("PenTest:S3/KaliLinux", "Medium", "s3DataEvents"),
  row("PenTest:S3/ParrotLinux", "Medium", "s3DataEvents"),
  row("PenTest:S3/PentooLinux", "Medium", "s3DataEvents"),
  row("Policy:S3/AccountBlockPublicAccessDisabled", "Low", "cloudTrail"),
  row("Policy:S3/BucketAnonymousAccessGranted", "High", "cloudTrail"),
  row("Policy:S3/BucketBlockPublicAccessDisabled", "Low", "cloudTrail"),
  row("Policy:S3/BucketPublicAccessGranted", "High", "cloudTrail"),
  row("Stealth:S3/ServerAccessLoggingDisabled", "Low", "cloudTrail"),
  row("UnauthorizedAccess:S3/MaliciousIPCaller.Custom", "High", "s3DataEvents"),
  row("UnauthorizedAccess:S3/TorIPCaller", "High", "s3DataEvents"),
  // Lambda: 7
  row("Backdoor:Lambda/C&CActivity.B", "High", "lambdaNetwork"),
  row("CryptoCurrency:Lambda/BitcoinTool.B", "High", "lambdaNetwork"),
  row("Trojan:Lambda/BlackholeTraffic", "Medium", "lambdaNetwork"),
  row("Trojan:Lambda/DropPoint", "Medium", "lambdaNetwork"),
  row("UnauthorizedAccess:Lambda/MaliciousIPCaller.Custom", "Medium", "lambdaNetwork"),
  row("UnauthorizedAccess:Lambda/TorClient", "High", "lambdaNetwork"),
  row("UnauthorizedAccess:Lambda/TorRelay", "High", "lambdaNetwork"),
  // Runtime: 42
  row("Backdoor:Runtime/C&CActivity.B", "High", "runtimeMonitoring"),
  row("Backdoor:Runtime/C&CActivity.B!DNS", "High", "runtimeMonitoring"),
  row("CryptoCurrency:Runtime/BitcoinTool.B", "High", "runtimeMonitoring"),
  row("CryptoCurrency:Runtime/BitcoinTool.B!DNS", "High", "runtimeMonitoring"),
  row("DefenseEvasion:Runtime/FilelessExecution", "Medium", "runtimeMonitoring"),
  row("DefenseEvasion:Runtime/KernelModuleLoaded", "High", "runtimeMonitoring"),
  row("DefenseEvasion:Runtime/ProcessInjection.Proc", "High", "runtimeMonitoring"),
  row("DefenseEvasion:Runtime/ProcessInjection.Ptrace", "Medium", "runtimeMonitoring"),
  row("DefenseEvasion:Runtime/ProcessInjection.VirtualMemoryWrite", "High", "runtimeMonitoring"),
  row("DefenseEvasion:Runtime/PtraceAntiDebugging", "Low", "runtimeMonitoring"),
  row("DefenseEvasion:Runtime/SuspiciousCommand", "Varies", "runtimeMonitoring"),
  row("Discovery:Runtime/SuspiciousCommand", "Low", "runtimeMonitoring"),
  row("Execution:Runtime/MaliciousFileExecuted", "High", "runtimeMonitoring"),
  row("Execution:Runtime/NewBinaryExecuted", "Medium", "runtimeMonitoring"),
  row("Execution:Runtime/NewLibraryLoaded", "Medium", "runtimeMonitoring"),
  row("Execution:Runtime/ReverseShell", "High", "runtimeMonitoring"),
  row("Execution:Runtime/SuspiciousCommand", "Varies", "runtimeMonitoring"),
  row("Execution:Runtime/SuspiciousShellCreated", "Low", "runtimeMonitoring"),
  row("Execution:Runtime/SuspiciousTool", "Varies", "runtimeMonitoring"),
  row("Impact:Runtime/AbusedDomainRequest.Reputation", "Medium", "runtimeMonitoring"),
  row("Impact:Runtime/BitcoinDomainRequest.Reputation", "High", "runtimeMonitoring"),
  row("Impact:Runtime/CryptoMinerExecuted", "High", "runtimeMonitoring"),
  row("Impact:Runtime/MaliciousDomainRequest.Reputation", "High", "runtimeMonitoring"),
  row("Impact:Runtime/SuspiciousDomainRequest.Reputation", "Low", "runtimeMonitoring"),
  row("Persistence:Runtime/SuspiciousCommand", "Medium", "runtimeMonitoring"),
  row("PrivilegeEscalation:Runtime/CGroupsReleaseAgentModified", "High", "runtimeMonitoring"),
  row("PrivilegeEscalation:Runtime/ContainerMountsHostDirectory", "Medium", "runtimeMonitoring"),
  row("PrivilegeEscalation:Runtime/DockerSocketAccessed", "Medium", "runtimeMonitoring"),
  row("PrivilegeEscalation:Runtime/ElevationToRoot", "Medium", "runtimeMonitoring"),
  row("PrivilegeEscalation:Runtime/RuncContainerEscape", "High", "runtimeMonitoring"),
  row("PrivilegeEscalation:Runtime/SuspiciousCommand", "Medium", "runtimeMonitoring"),
  row("PrivilegeEscalation:Runtime/UserfaultfdUsage", "Medium", "runtimeMonitoring"),
  row("Trojan:Runtime/BlackholeTraffic", "Medium", "runtimeMonitoring"),
  row("Trojan:Runtime/BlackholeTraffic!DNS", "Medium", "runtimeMonitoring"),
  row("Trojan:Runtime/DGADomainRequest.C!DNS", "High", "runtimeMonitoring"),
  row("Trojan:Runtime/DriveBySourceTraffic!DNS", "High", "runtimeMonitoring"),
  row("Trojan:Runtime/DropPoint", "Medium", "runtimeMonitoring"),
  row("Trojan:Runtime/DropPoint!DNS", "Medium", "runtimeMonitoring"),
  row("Trojan:Runtime/PhishingDomainRequest!DNS", "High", "runtimeMonitoring"),
  row("UnauthorizedAccess:Runtime/MetadataDNSRebind", "High", "runtimeMonitoring"),
  row("UnauthorizedAccess:Runtime/TorClient", "High", "runtimeMonitoring"),
  row("UnauthorizedAccess:Runtime/TorRelay", "High", "runtimeMonitoring"),
  // Kubernetes: 35
  row("CredentialAccess:Kubernetes/AnomalousBehavior.SecretsAccessed", "Medium", "eksAuditLogs"),
  row("CredentialAccess:Kubernetes/MaliciousIPCaller", "High", "eksAuditLogs"),
  row("CredentialAccess:Kubernetes/MaliciousIPCaller.Custom", "High", "eksAuditLogs"),
  row("CredentialAccess:Kubernetes/SuccessfulAnonymousAccess", "High", "eksAuditLogs"),
  row("CredentialAccess:Kubernetes/TorIPCaller", "High", "eksAuditLogs"),
  row("DefenseEvasion:Kubernetes/MaliciousIPCaller", "High", "eksAuditLogs"),
  row("DefenseEvasion:Kubernetes/MaliciousIPCaller.Custom", "High", "eksAuditLogs"),
  row("DefenseEvasion:Kubernetes/SuccessfulAnonymousAccess", "High", "eksAuditLogs"),
  row("DefenseEvasion:Kubernetes/TorIPCaller", "High", "eksAuditLogs"),
  row("Discovery:Kubernetes/AnomalousBehavior.PermissionChecked", "Low", "eksAuditLogs"),
  row("Discovery:Kubernetes/MaliciousIPCaller", "Medium", "eksAuditLogs"),
  row("Discovery:Kubernetes/MaliciousIPCaller.Custom", "Medium", "eksAuditLogs"),
  row("Discovery:Kubernetes/SuccessfulAnonymousAccess", "Medium", "eksAuditLogs"),
  row("Discovery:Kubernetes/TorIPCaller", "Medium", "eksAuditLogs"),
  row("Execution:Kubernetes/AnomalousBehavior.ExecInPod", "Medium", "eksAuditLogs"),
  row("Execution:Kubernetes/AnomalousBehavior.WorkloadDeployed", "Low", "eksAuditLogs"),
  row("Execution:Kubernetes/ExecInKubeSystemPod", "Medium", "eksAuditLogs"),
  row("Impact:Kubernetes/MaliciousIPCaller", "High", "eksAuditLogs"),
  row("Impact:Kubernetes/MaliciousIPCaller.Custom", "High", "eksAuditLogs"),
  row("Impact:Kubernetes/SuccessfulAnonymousAccess", "High", "eksAuditLogs"),
  row("Impact:Kubernetes/TorIPCaller", "High", "eksAuditLogs"),
  row("Persistence:Kubernetes/AnomalousBehavior.WorkloadDeployed!ContainerWithSensitiveMount", "High", "eksAuditLogs"),
  row("Persistence:Kubernetes/ContainerWithSensitiveMount", "Medium", "eksAuditLogs"),
  row("Persistence:Kubernetes/MaliciousIPCaller", "Medium", "eksAuditLogs"),
  row("Persistence:Kubernetes/MaliciousIPCaller.Custom", "Medium", "eksAuditLogs"),
  row("Persistence:Kubernetes/SuccessfulAnonymousAccess", "High", "eksAuditLogs"),
  row("Persistence:Kubernetes/TorIPCaller", "Medium", "eksAuditLogs"),
  row("Policy:Kubernetes/AdminAccessToDefaultServiceAccount", "High", "eksAuditLogs"),
  row("Policy:Kubernetes/AnonymousAccessGranted", "High", "eksAuditLogs"),
  row("Policy:Kubernetes/ExposedDashboard", "Medium", "eksAuditLogs"),
  row("Policy:Kubernetes/KubeflowDashboardExposed", "Medium", "eksAuditLogs"),
  row("PrivilegeEscalation:Kubernetes/AnomalousBehavior.RoleBindingCreated", "Medium", "eksAuditLogs"),
  row("PrivilegeEscalation:Kubernetes/AnomalousBehavior.RoleCreated", "Low", "eksAuditLogs"),
  row("PrivilegeEscalation:Kubernetes/AnomalousBehavior.WorkloadDeployed!PrivilegedContainer", "High", "eksAuditLogs"),
  row("PrivilegeEscalation:Kubernetes/PrivilegedContainer", "Medium", "eksAuditLogs"),
  // RDS: 9
  row("CredentialAccess:RDS/AnomalousBehavior.FailedLogin", "Low", "rdsLogins"),
  row("CredentialAccess:RDS/AnomalousBehavior.SuccessfulBruteForce", "High", "rdsLogins"),
  row("CredentialAccess:RDS/AnomalousBehavior.SuccessfulLogin", "Varies", "rdsLogins"),
  row("CredentialAccess:RDS/MaliciousIPCaller.FailedLogin", "Medium", "rdsLogins"),
  row("CredentialAccess:RDS/MaliciousIPCaller.SuccessfulLogin", "High", "rdsLogins"),
  row("CredentialAccess:RDS/TorIPCaller.FailedLogin", "Medium", "rdsLogins"),
  row("CredentialAccess:RDS/TorIPCaller.SuccessfulLogin", "High", "rdsLogins"),
  row("Discovery:RDS/MaliciousIPCaller", "Medium", "rdsLogins"),
  row("Discovery:RDS/TorIPCaller", "Medium", "rdsLogins"),
  // Malware: 12
  row("Execution:Container/MaliciousFile", "Varies", "malwareScan"),
  row("Execution:Container/SuspiciousFile", "Varies", "malwareScan"),
  row("Execution:EC2/MaliciousFile", "Varies", "malwareScan"),
  row("Execution:EC2/MaliciousFile!AMI", "Varies", "malwareScan"),
  row("Execution:EC2/MaliciousFile!Snapshot", "Varies", "malwareScan"),
  row("Execution:EC2/SuspiciousFile", "Varies", "malwareScan"),
  row("Execution:ECS/MaliciousFile", "Varies", "malwareScan"),
  row("Execution:ECS/SuspiciousFile", "Varies", "malwareScan"),
  row("Execution:Kubernetes/MaliciousFile", "Varies", "malwareScan"),
  row("Execution:Kubernetes/SuspiciousFile", "Varies", "malwareScan"),
  row("Execution:EC2/MaliciousFile!RecoveryPoint", "Varies", "malwareScan"),
  row("Execution:S3/MaliciousFile!RecoveryPoint", "Varies", "malwareScan"),
  // AttackSequence: 5
  row("AttackSequence:EC2/CompromisedInstanceGroup", "Critical", "correlation"),
  row("AttackSequence:ECS/CompromisedCluster", "Critical", "correlation"),
  row("AttackSequence:EKS/CompromisedCluster", "Critical", "correlation"),
  row("AttackSequence:IAM/CompromisedCredentials", "Critical", "correlation"),
  row("AttackSequence:S3/CompromisedData", "Critical", "correlation"),
];

const byType = new Map(findingTypes.map((each) => [each.type, each]));

export function findingType(type: string): FindingType | undefined {
  return byType.get(type);
}

/** The resource that the type names: `Policy:S3/BucketPublicAccessGranted` → `S3`. */
export function affectedResource(type: string): string {
  return /^[^:]+:([^/]+)\//.exec(type)?.[1] ?? "";
}
