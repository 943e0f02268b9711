import { defineCommand } from "../program.ts";

export const version = defineCommand({
  name: "version",
  about: (cli) => cli.text.aboutVersion,
  async run(cli, options) {
    if (options.json) cli.printJson({ version: cli.host.version, node: process.versions.node });
    else cli.print(cli.host.version);
  },
});
