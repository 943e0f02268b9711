/** Where the edge listens, as `JIKIMI_EDGE_BIND` says. Throws `BadBindPolicy`, whose text is for a person. */
import { bindPolicy, type BindPolicy } from "../edge/bindPolicy.ts";

export { BadBindPolicy } from "../edge/bindPolicy.ts";

export function edgeBind(env: NodeJS.ProcessEnv): BindPolicy {
  return bindPolicy(env["JIKIMI_EDGE_BIND"], process.platform);
}
