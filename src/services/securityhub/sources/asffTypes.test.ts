/** Rows of AWS's own table, at least one for each rule. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { findingTypes } from "#engines/guard/findingTypes.ts";
import { faultOfShared } from "#engines/asff/validate.ts";
import { asffTypes } from "./asffTypes.ts";

const rows: Readonly<Record<string, string>> = {
  "AttackSequence:IAM/CompromisedCredentials": "TTPs/AttackSequence:IAM/CompromisedCredentials",
  "Backdoor:EC2/C&CActivity.B!DNS": "TTPs/Command and Control/Backdoor:EC2-C&CActivity.B!DNS",
  "Behavior:EC2/TrafficVolumeUnusual": "Unusual Behaviors/VM/Behavior:EC2-TrafficVolumeUnusual",
  "CredentialAccess:IAMUser/AnomalousBehavior": "TTPs/Credential Access/IAMUser-AnomalousBehavior",
  "CredentialAccess:Kubernetes/AnomalousBehavior.SecretsAccessed":
    "TTPs/AnomalousBehavior/CredentialAccess:Kubernetes-SecretsAccessed",
  "CredentialAccess:Kubernetes/TorIPCaller": "TTPs/CredentialAccess/CredentialAccess:Kubernetes-TorIPCaller",
  "CredentialAccess:RDS/TorIPCaller.FailedLogin": "TTPs/Credential Access/CredentialAccess:RDS-TorIPCaller.FailedLogin",
  "DefenseEvasion:EC2/UnusualDNSResolver": "TTPs/DefenseEvasion/EC2:Unusual-DNS-Resolver",
  "DefenseEvasion:EC2/UnusualDoTActivity": "TTPs/DefenseEvasion/EC2:Unusual-DoT-Activity",
  "DefenseEvasion:IAMUser/BedrockLoggingDisabled": "TTPs/Defense Evasion/DefenseEvasion:IAMUser-BedrockLoggingDisabled",
  "DefenseEvasion:Runtime/FilelessExecution": "TTPs/Defense Evasion/DefenseEvasion:Runtime-FilelessExecution",
  "DefenseEvasion:Runtime/SuspiciousCommand": "TTPs/DefenseEvasion/DefenseEvasion:Runtime-SuspiciousCommand",
  "Discovery:RDS/TorIPCaller": "TTPs/Discovery/RDS-TorIPCaller",
  "Discovery:S3/MaliciousIPCaller.Custom": "TTPs/Discovery:S3-MaliciousIPCaller.Custom",
  "Execution:S3/MaliciousFile!RecoveryPoint": "TTPs/Execution/Execution:S3-MaliciousFile!RecoveryPoint",
  "Impact:EC2/AbusedDomainRequest.Reputation": "TTPs/Impact:EC2-AbusedDomainRequest.Reputation",
  "Impact:EC2/PortSweep": "TTPs/Impact/Impact:EC2-PortSweep",
  "Impact:Runtime/AbusedDomainRequest.Reputation": "TTPs/Impact/Impact:Runtime-AbusedDomainRequest.Reputation",
  "Object:S3/MaliciousFile": "TTPs/Object/Object:S3-MaliciousFile",
  "PenTest:IAMUser/KaliLinux": "TTPs/PenTest:IAMUser/KaliLinux",
  "PenTest:S3/KaliLinux": "TTPs/PenTest:S3-KaliLinux",
  "Persistence:Kubernetes/AnomalousBehavior.WorkloadDeployed!ContainerWithSensitiveMount":
    "TTPs/AnomalousBehavior/Persistence:Kubernetes-WorkloadDeployed!ContainerWithSensitiveMount",
  "Policy:IAMUser/RootCredentialUsage": "TTPs/Policy:IAMUser-RootCredentialUsage",
  "Policy:Kubernetes/ExposedDashboard":
    "Software and Configuration Checks/AWS Security Best Practices/Policy:Kubernetes-ExposedDashboard",
  "Policy:S3/BucketAnonymousAccessGranted": "TTPs/Policy:S3-BucketAnonymousAccessGranted",
  "Policy:S3/BucketBlockPublicAccessDisabled": "Effects/Data Exposure/Policy:S3-BucketBlockPublicAccessDisabled",
  "PrivilegeEscalation:Kubernetes/PrivilegedContainer":
    "TTPs/PrivilegeEscalation/PrivilegeEscalation:Kubernetes-PrivilegedContainer",
  "PrivilegeEscalation:Runtime/ElevationToRoot":
    "TTPs/Privilege Escalation/PrivilegeEscalation:Runtime-ElevationToRoot",
  "PrivilegeEscalation:Runtime/SuspiciousCommand":
    "Software and Configuration Checks/PrivilegeEscalation:Runtime-SuspiciousCommand",
  "Recon:IAMUser/MaliciousIPCaller.Custom": "TTPs/Discovery/Recon:IAMUser-MaliciousIPCaller.Custom",
  "Stealth:S3/ServerAccessLoggingDisabled": "TTPs/Defense Evasion/Stealth:S3-ServerAccessLoggingDisabled",
  "Trojan:EC2/DriveBySourceTraffic!DNS": "TTPs/Initial Access/Trojan:EC2-DriveBySourceTraffic!DNS",
  "Trojan:Lambda/DropPoint": "Effects/Data Exfiltration/Trojan:Lambda-DropPoint",
  "UnauthorizedAccess:EC2/MaliciousIPCaller.Custom":
    "TTPs/Command and Control/UnauthorizedAccess:EC2-MaliciousIPCaller.Custom",
  "UnauthorizedAccess:EC2/MetadataDNSRebind": "TTPs/UnauthorizedAccess:EC2-MetadataDNSRebind",
  "UnauthorizedAccess:EC2/SSHBruteForce": "TTPs/Initial Access/UnauthorizedAccess:EC2-SSHBruteForce",
  "UnauthorizedAccess:IAMUser/ConsoleLoginSuccess.B": "TTPs/UnauthorizedAccess:IAMUser-ConsoleLoginSuccess.B",
  "UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS":
    "Effects/Data Exfiltration/UnauthorizedAccess:IAMUser-InstanceCredentialExfiltration.OutsideAWS",
  "UnauthorizedAccess:IAMUser/MaliciousIPCaller.Custom": "TTPs/UnauthorizedAccess:IAMUser-MaliciousIPCaller.Custom",
  "UnauthorizedAccess:IAMUser/TorIPCaller": "TTPs/Command and Control/UnauthorizedAccess:IAMUser-TorIPCaller",
  "UnauthorizedAccess:Runtime/TorRelay": "Effects/Resource Consumption/UnauthorizedAccess:Runtime-TorRelay",
  "UnauthorizedAccess:S3/TorIPCaller": "TTPs/UnauthorizedAccess:S3-TorIPCaller",
};

for (const [type, expected] of Object.entries(rows)) {
  test(type, () => assert.deepEqual(asffTypes(type), [expected]));
}

test("one type of GuardDuty's is two of the format's", () => {
  assert.deepEqual(asffTypes("CryptoCurrency:Lambda/BitcoinTool.B"), [
    "TTPs/Command and Control/CryptoCurrency:Lambda-BitcoinTool.B",
    "Effects/Resource Consumption/CryptoCurrency:Lambda-BitcoinTool.B",
  ]);
});

test("every type there is comes out as one of the taxonomy", () => {
  for (const { type } of findingTypes) assert.equal(faultOfShared({ Types: asffTypes(type) }, ""), undefined, type);
});
