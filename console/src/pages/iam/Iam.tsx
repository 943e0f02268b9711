import type { PageProps } from "../../frame/pages.tsx";
import { NotFound } from "../../frame/NotBuilt.tsx";
import { AccountSettings } from "./AccountSettings.tsx";
import { Groups } from "./Groups.tsx";
import { Policies, PolicyPage } from "./Policies.tsx";
import { RolePage, Roles } from "./Roles.tsx";
import { Users } from "./Users.tsx";
import { UserPage } from "./UserPage.tsx";

export default function Iam({ path: [section = "users", name] }: PageProps) {
  switch (section) {
    case "users":
      return name === undefined ? <Users /> : <UserPage name={name} />;
    case "groups":
      return <Groups />;
    case "roles":
      return name === undefined ? <Roles /> : <RolePage name={name} />;
    case "policies":
      return name === undefined ? <Policies /> : <PolicyPage arn={name} />;
    case "account":
      return <AccountSettings />;
    default:
      return <NotFound />;
  }
}
