import type { Translate } from "../i18n/i18n.tsx";
import type { Question } from "./FormModal.tsx";

/** Deleting by name: the name is typed, because it does not come back. */
export function deletion(t: Translate, name: string, run: () => Promise<unknown>): Question {
  return {
    title: t("action.deleteWhat", { name }),
    submit: t("action.delete"),
    confirmWord: name,
    run: async () => void (await run()),
  };
}

/** One field with a JSON document. */
export function documentQuestion(
  title: string,
  label: string,
  submit: string,
  initial: string,
  run: (text: string) => Promise<unknown>,
): Question {
  return {
    title,
    submit,
    fields: [{ name: "document", label, kind: "long", initial }],
    run: async (values) => void (await run(values["document"]!)),
  };
}
