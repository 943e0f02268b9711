/** Sign-in has no API of its own: `src/roles/consoleRoutes.ts` serves it to the pages of the console. */
export { changedSince } from "./changes.ts";
export { Federation } from "./federation.ts";
export { SignIn } from "./signIn.ts";
