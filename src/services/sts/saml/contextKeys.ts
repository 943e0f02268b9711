/**
 * Attributes of assertions that are condition keys of trust policies.
 * Source: IAM User Guide, "Configure SAML assertions for the authentication response", "Mapping SAML attributes to AWS
 * trust policy context keys"; keys as the Service Authorization Reference spells them.
 */
import type { Assertion } from "#engines/saml/assertion.ts";

interface Row {
  attribute: string;
  key: string;
  list?: true;
}

const eduPerson = (number: number, key: string, list?: true): Row => ({
  attribute: `urn:oid:1.3.6.1.4.1.5923.1.1.1.${number}`,
  key: `saml:${key}`,
  ...(list ? { list } : {}),
});
const eduOrg = (number: number, key: string): Row => ({
  attribute: `urn:oid:1.3.6.1.4.1.5923.1.2.1.${number}`,
  key: `saml:${key}`,
  list: true,
});
const claim = (name: string, key: string): Row => ({
  attribute: `http://schemas.xmlsoap.org/ws/2005/05/identity/claims/${name}`,
  key: `saml:${key}`,
});

const rows: readonly Row[] = [
  eduPerson(1, "edupersonaffiliation", true),
  eduPerson(2, "edupersonnickname", true),
  eduPerson(3, "edupersonorgdn"),
  eduPerson(4, "edupersonorgunitdn", true),
  eduPerson(5, "edupersonprimaryaffiliation"),
  eduPerson(6, "edupersonprincipalname"),
  eduPerson(7, "edupersonentitlement", true),
  eduPerson(8, "edupersonprimaryorgunitdn"),
  eduPerson(9, "edupersonscopedaffiliation", true),
  eduPerson(10, "edupersontargetedid", true),
  eduPerson(11, "edupersonassurance", true),
  eduOrg(2, "eduorghomepageuri"),
  eduOrg(3, "eduorgidentityauthnpolicyuri"),
  eduOrg(4, "eduorglegalname"),
  eduOrg(5, "eduorgsuperioruri"),
  eduOrg(6, "eduorgwhitepagesuri"),
  { attribute: "urn:oid:2.5.4.3", key: "saml:cn", list: true },
  claim("name", "name"),
  { attribute: "http://schemas.xmlsoap.org/claims/CommonName", key: "saml:commonName" },
  claim("givenname", "givenName"),
  claim("surname", "surname"),
  claim("emailaddress", "mail"),
  { attribute: "http://schemas.microsoft.com/ws/2008/06/identity/claims/primarygroupsid", key: "saml:uid" },
  { attribute: "2.5.4.3", key: "saml:commonName" },
  { attribute: "2.5.4.4", key: "saml:surname" },
  { attribute: "2.4.5.42", key: "saml:givenName" },
  { attribute: "2.5.4.45", key: "saml:x500UniqueIdentifier" },
  { attribute: "0.9.2342.19200300100.1.1", key: "saml:uid" },
  { attribute: "0.9.2342.19200300100.1.3", key: "saml:mail" },
  { attribute: "0.9.2342.19200300.100.1.45", key: "saml:organizationStatus" },
];

/** "You should include only one claim per AWS context key": of several, the first of the table. */
export function attributeKeys({ attributes }: Assertion): Record<string, string | string[]> {
  const context: Record<string, string | string[]> = {};
  for (const { attribute, key, list } of rows) {
    const values = attributes.get(attribute) ?? [];
    if (values.length === 0 || key in context) continue;
    context[key] = list ? [...values] : values[0]!;
  }
  return context;
}
