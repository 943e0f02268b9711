import { adminPaths, type AdminRootLink } from "../../roles/adminContract.ts";
import { runningInstance } from "../instance.ts";
import { defineCommand } from "../program.ts";

export const root = defineCommand({
  name: "root",
  about: (cli) => cli.text.aboutRoot,
  async run(cli, options) {
    const link = await runningInstance(cli, options).post<AdminRootLink>(adminPaths.rootLink);
    if (options.json) return cli.printJson(link);
    cli.print(cli.text.rootLink(link.url, new Date(link.expiresAt).toISOString()));
  },
});
