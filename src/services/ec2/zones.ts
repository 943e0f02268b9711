/**
 * Regions and their Availability Zones. Zone ids are the same for everybody; AWS maps zone names to them by account,
 * here every account has the same mapping, so that results repeat.
 * Source: AWS Global Infrastructure, "AWS Regions and Availability Zones" (Region names, zone ids);
 * EC2 User Guide, "Available Regions".
 */
export interface Region {
  name: string;
  /** Of zone ids, `apne2` of `apne2-az1`. */
  zonePrefix: string;
  /** Letter of the zone name and number of its id. */
  zones: readonly (readonly [letter: string, number: number])[];
}

export interface Zone {
  name: string;
  id: string;
}

const region = (name: string, zonePrefix: string, zones: string): Region => ({
  name,
  zonePrefix,
  zones: zones.split(" ").map((zone) => [zone.charAt(0), Number(zone.slice(1))] as const),
});

export const regions: readonly Region[] = [
  region("af-south-1", "afs1", "a1 b2 c3"),
  region("ap-east-1", "ape1", "a1 b2 c3"),
  region("ap-east-2", "ape2", "a1 b2 c3"),
  region("ap-northeast-1", "apne1", "a4 c1 d2"),
  region("ap-northeast-2", "apne2", "a1 b2 c3 d4"),
  region("ap-northeast-3", "apne3", "a3 b1 c2"),
  region("ap-south-1", "aps1", "a1 b3 c2"),
  region("ap-south-2", "aps2", "a1 b2 c3"),
  region("ap-southeast-1", "apse1", "a1 b2 c3"),
  region("ap-southeast-2", "apse2", "a1 b3 c2"),
  region("ap-southeast-3", "apse3", "a1 b2 c3"),
  region("ap-southeast-4", "apse4", "a1 b2 c3"),
  region("ap-southeast-5", "apse5", "a1 b2 c3"),
  region("ap-southeast-6", "apse6", "a1 b2 c3"),
  region("ap-southeast-7", "apse7", "a1 b2 c3"),
  region("ca-central-1", "cac1", "a1 b2 d4"),
  region("ca-west-1", "caw1", "a1 b2 c3"),
  region("eu-central-1", "euc1", "a2 b3 c1"),
  region("eu-central-2", "euc2", "a1 b2 c3"),
  region("eu-north-1", "eun1", "a1 b2 c3"),
  region("eu-south-1", "eus1", "a1 b2 c3"),
  region("eu-south-2", "eus2", "a1 b2 c3"),
  region("eu-west-1", "euw1", "a1 b2 c3"),
  region("eu-west-2", "euw2", "a2 b3 c1"),
  region("eu-west-3", "euw3", "a1 b2 c3"),
  region("il-central-1", "ilc1", "a1 b2 c3"),
  region("me-central-1", "mec1", "a1 b2 c3"),
  region("me-south-1", "mes1", "a1 b2 c3"),
  region("mx-central-1", "mxc1", "a1 b2 c3"),
  region("sa-east-1", "sae1", "a1 b2 c3"),
  region("us-east-1", "use1", "a1 b2 c4 d6 e3 f5"),
  region("us-east-2", "use2", "a1 b2 c3"),
  region("us-west-1", "usw1", "a1 c3"),
  region("us-west-2", "usw2", "a1 b2 c3 d4"),
];

/** A Region that the table does not know (another partition) has three zones with ids of its own name. */
export function zonesOf(name: string): Zone[] {
  const known = regions.find((each) => each.name === name) ?? region(name, name.replaceAll("-", ""), "a1 b2 c3");
  return known.zones.map(([letter, number]) => ({
    name: `${name}${letter}`,
    id: `${known.zonePrefix}-az${number}`,
  }));
}
